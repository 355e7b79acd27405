import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Alert, Counts } from '../../src/alerts/alert.ts';
import { breakerAlert } from '../../src/alerts/breaker-alert.ts';
import { cleanAlert } from '../../src/alerts/clean-alert.ts';
import { renderMessage } from '../../src/alerts/render.ts';
import { runbookLink } from '../../src/alerts/runbook.ts';
import { durationInWords } from '../../src/alerts/words.ts';
import { alertChannels } from '../../src/wire-alerts.ts';
import { closed, failed, opened } from './alerting.ts';

const AT = Date.parse('2026-11-22T09:00:00Z');
const none: Counts = { more: 0, failed: 0, reopened: 0, heldBack: 0 };
const render = (alert: Alert, counts: Partial<Counts> = {}) => renderMessage({ id: 'm1', alert, counts: { ...none, ...counts } });
const trunk: Alert = { ...opened(AT, 'trunk:carrier'), reason: '403 for everybody', trunk: { name: 'carrier', sipStatus: 403 } } as Alert;
const dead: Alert = { kind: 'dead-letter', channel: 'telegram', count: 1, reason: 'Telegram, alert: answered 401.', at: AT };

const everyAlert: Alert[] = [
  opened(AT),
  opened(AT, 'openai:language-model', 'auth'),
  opened(AT, 'openai:language-model', 'quota'),
  opened(AT, 'asterisk'),
  { ...opened(AT), category: 'manual' } as Alert,
  trunk,
  closed(AT),
  failed(1, AT),
  failed(1, AT, ''),
  dead,
];

describe('every alert', () => {
  it.each(everyAlert.map((alert) => [alert.kind, 'service' in alert ? alert.service : '', alert] as const))(
    '%s %s says what happened, when, what is done about it, what to do, and where to read on',
    (_kind, _service, alert) => {
      const { subject, text, telegram, webhook } = render(alert);
      expect(subject).toMatch(/^\[Ringfence\] \S/);
      for (const said of [text, telegram]) {
        expect(said).toContain('What happened: ');
        expect(said).toMatch(/2026-11-22 09:00:00 UTC/);
        expect(said).toContain('What Ringfence does: ');
        expect(said).toContain('What you should do: ');
        expect(said).toMatch(/Runbook: docs\/operations\.md#[a-z-]+\n?$/);
        expect(said).not.toMatch(/undefined|NaN|\[object/);
      }
      expect(JSON.parse(webhook)).toMatchObject({ type: alert.kind, timestamp: '2026-11-22T09:00:00.000Z', data: { kind: alert.kind } });
    },
  );

  it('leads to a section that the runbook has', () => {
    const runbook = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');
    const headings = [...runbook.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^\w\s-]/g, '')
        .trim()
        .replaceAll(' ', '-'),
    );
    const links = everyAlert.map((alert) => runbookLink(alert, undefined).split('#')[1]);
    expect(headings).toEqual(expect.arrayContaining(links));
    expect(new Set(links).size).toBeGreaterThan(7);
  });
});

it('the link leads to where the runbook is published, if it is', () => {
  expect(runbookLink(closed(AT), 'https://wiki.example.com/ringfence#top')).toBe('https://wiki.example.com/ringfence#breaker-closed');
});

it('a trunk is named with the SIP status that it answers', () => {
  expect(render(trunk).subject).toBe("[Ringfence] Trunk carrier can't be used (SIP 403): calls that need it wait");
});

it('what no call waits for is not said to hold calls up', () => {
  const { subject, text } = render(opened(AT, 'hubspot'));
  expect(subject).toBe("[Ringfence] HubSpot can't be used: calls go on, what is to be written there waits");
  expect(text).toContain('Calls go on without it.');
  const back = render(closed(AT, 0, 'google-sheets'));
  expect(back.subject).toBe('[Ringfence] Google Sheets is back after 12 min');
  expect(back.text).toContain('What waited for it is written now.');
  expect(back.text).not.toContain('held back');
});

it('a recovery says how long it took and how many calls waited', () => {
  const { text } = render(closed(AT, 1_234), { heldBack: 1_234, failed: 412 });
  expect(text).toContain('It was open for: 12 min');
  expect(text).toContain('Calls held back: 1,234');
  expect(text).toContain('+412 more calls failed because of it');
});

it('what was counted is one line', () => {
  expect(render(failed(1, AT), { more: 412, moreSince: AT - 60_000 }).text).toContain(
    '+412 more calls failed since 2026-11-22 08:59:00 UTC',
  );
});

it('however long the reason and whatever its letters, Telegram takes the text and the link is in it', () => {
  for (const letter of ['x', '😀', 'a😀']) {
    const { telegram } = render({ ...opened(AT), reason: letter.repeat(5_000) } as Alert);
    expect(telegram.length).toBeLessThanOrEqual(4_096);
    expect(telegram).toMatch(/Runbook: docs\/operations\.md#breaker-opened$/);
    expect(telegram.isWellFormed()).toBe(true);
  }
});

it('phone numbers, secrets and line breaks of a hostile answer do not leave the process', () => {
  const reason = 'no route to +12025550123 with key k3y-secret\r\nBcc: all@example.com';
  const clean = cleanAlert({ ...failed(1, AT), reason } as Alert, (text) => text.replaceAll('k3y-secret', '[secret]'));
  expect(JSON.stringify(clean)).not.toMatch(/2025550123|k3y-secret|\\r|\\n/);
  expect(clean).toMatchObject({ attempt: 'attempt-1', at: AT, phone: expect.stringContaining('+12025') });
});

it("a breaker's own words become an alert with the same id", () => {
  const common = { id: 'hubspot.3', service: 'hubspot', account: 'hubspot', scope: 'fleet' } as const;
  const cause = { message: 'HubSpot answered 503', code: 'http-503', category: 'transient' } as const;
  expect(breakerAlert({ ...common, kind: 'breaker-opened', since: 5, cause }, AT)).toMatchObject({
    id: 'hubspot.3',
    since: 5,
    reason: cause.message,
  });
  const back = breakerAlert({ ...common, kind: 'breaker-closed', openForMs: 7, heldBack: 2, by: 'human', cause }, AT);
  expect(back).toMatchObject({ kind: 'breaker-closed', id: 'hubspot.3', at: AT, heldBack: 2 });
  expect(render(back).text).toContain('(by hand)');
});

it.each([
  [45_000, '45 s'],
  [720_000, '12 min'],
  [11_100_000, '3 h 5 min'],
  [7_200_000, '2 h'],
  [190_000_000, '2 d 4 h'],
])('%d ms are %s', (ms, words) => {
  expect(durationInWords(ms)).toBe(words);
});

it('a channel that is not configured is named, with the setting that turns it on', () => {
  const webhook = { url: 'https://example.com', secret: 'whsec_x', allowPrivate: false };
  const { on, off } = alertChannels({ windowMs: 1, runbookUrl: undefined, email: undefined, telegram: undefined, webhook });
  expect(on).toEqual(['webhook']);
  expect(off).toEqual([
    'Alerts by email are off: ALERT_EMAIL_SMTP_URL is not set.',
    'Alerts by telegram are off: TELEGRAM_BOT_TOKEN is not set.',
  ]);
});
