import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { type Alerting, closed, failed, opened, startAlerting, WINDOW_MS } from './alerting.ts';

let here: Alerting;
beforeEach(async () => {
  here = await startAlerting({ redisUrl: inject('redisUrl') });
});
afterEach(() => here.close());

const OPENED = "ElevenLabs text-to-speech can't be used: calls that need it wait";
const FAILED = 'A call failed: ElevenLabs text-to-speech';
const BACK = 'ElevenLabs text-to-speech is back after 12 min';
const BOTH_BACK = 'ElevenLabs speech-to-text and text-to-speech are back after 12 min';
const SPEECH_TO_TEXT = 'elevenlabs:speech-to-text';
const many = (from: number, count: number) => Array.from({ length: count }, (_, i) => failed(from + i, here.now()));

it('the required scenario: the breaker opening and the first failed call both reach all three channels, then the recovery does', async () => {
  await here.raise(failed(1, here.now()), opened(here.now()));
  await here.everywhere([FAILED, OPENED]);
  await here.raise(...many(2, 3));
  here.pass(12 * 60_000);
  await here.raise(closed(here.now(), 9_996));
  await here.everywhere([FAILED, OPENED, BACK]);
  for (const text of [here.smtp.mails[2]?.text, here.telegram.messages[2]?.text, JSON.stringify(here.sink.deliveries[2]?.body)]) {
    expect(text).toMatch(/9,996|"heldBack":9996/);
    expect(text).toMatch(/\+3 more calls failed|"failed":3/);
  }
});

it('it makes no difference which of the two comes first', async () => {
  await here.raise(opened(here.now()), failed(1, here.now()), ...many(2, 3));
  await here.everywhere([OPENED, FAILED]);
});

it('ten thousand contacts that meet an outage make two messages a channel and a recovery', async () => {
  here.alerts.raise(failed(0, here.now()));
  here.other.raise(opened(here.now()));
  for (let i = 1; i < 10_000; i++) (i % 2 === 0 ? here.alerts : here.other).raise(failed(i, here.now()));
  await Promise.all([here.alerts.settled(), here.other.settled()]);
  here.pass(12 * 60_000);
  await here.raise(closed(here.now(), 0));
  for (const list of Object.values(here.subjects)) await expect.poll(() => list().length, { timeout: 30_000 }).toBe(3);
  for (const list of Object.values(here.subjects)) {
    expect([...list()].sort()).toEqual([FAILED, OPENED, BACK].sort());
    expect(list().at(-1)).toBe(BACK);
  }
  expect(here.telegram.messages[2]?.text).toContain('+9,999 more calls failed because of it');
}, 90_000);

it('failed calls without an outage: the first is told at once, the others in one line at the end of the window', async () => {
  await here.raise(...many(0, 413));
  await here.everywhere([FAILED]);
  here.pass(WINDOW_MS - 1);
  await here.raise(failed(500, here.now()));
  await here.everywhere([FAILED]);
  here.pass(2);
  await here.everywhere([FAILED, '+413 more calls failed: ElevenLabs text-to-speech']);
  here.pass(WINDOW_MS + 1);
  await here.raise(failed(501, here.now()));
  await here.everywhere([FAILED, '+413 more calls failed: ElevenLabs text-to-speech', FAILED]);
});

it('calls that fail by different faults are told apart', async () => {
  await here.raise(failed(1, here.now()), failed(2, here.now(), 'openai:language-model'), failed(3, here.now(), ''));
  await here.everywhere([FAILED, 'A call failed: OpenAI language-model', 'A call failed']);
});

it('the same alert raised by two processes is told once', async () => {
  const [one, two] = [opened(here.now()), failed(1, here.now())];
  for (const alerts of [here.alerts, here.other]) for (const alert of [one, two]) alerts.raise(alert);
  await Promise.all([here.alerts.settled(), here.other.settled()]);
  await here.raise(closed(here.now()));
  await here.everywhere([OPENED, FAILED, BACK]);
  expect(here.telegram.messages[2]?.text).not.toContain('more');
});

it('a breaker that comes and goes is told once a window, and what it did then in one line', async () => {
  for (let i = 0; i < 4; i++) {
    await here.raise(opened(here.now()));
    here.pass(1_000);
    await here.raise(closed(here.now()));
    here.pass(1_000);
  }
  await here.everywhere([OPENED, BACK]);
  here.pass(WINDOW_MS);
  await here.everywhere([OPENED, BACK, BACK]);
  expect(here.telegram.messages[2]?.text).toContain('It opened and closed again +3 more times');
});

it('one that is open at the end of the window is told as open, and its end too', async () => {
  await here.raise(opened(here.now()));
  here.pass(1_000);
  await here.raise(closed(here.now()));
  here.pass(1_000);
  await here.raise(opened(here.now()));
  await here.everywhere([OPENED, BACK]);
  here.pass(WINDOW_MS);
  await here.everywhere([OPENED, BACK, OPENED]);
  await here.raise(closed(here.now()));
  await here.everywhere([OPENED, BACK, OPENED, BACK]);
});

it('an account without credit is one incident, however many of its services it closes', async () => {
  const services = ['elevenlabs:text-to-speech', 'elevenlabs:speech-to-text'];
  await here.raise(...services.map((service) => opened(here.now(), service, 'quota')));
  await here.everywhere([OPENED]);
  await here.raise(...services.map((service) => closed(here.now(), 4, service)));
  await here.everywhere([OPENED, BOTH_BACK]);
  expect(here.telegram.messages[1]?.text).toContain('Calls held back: 8');
});

it('all of a provider down at once is one incident: a message, the first failed call, and an end that names both', async () => {
  await here.raise(opened(here.now()), failed(1, here.now()));
  here.pass(1_000);
  await here.raise(opened(here.now(), SPEECH_TO_TEXT), failed(2, here.now(), SPEECH_TO_TEXT));
  await here.everywhere([OPENED, FAILED]);
  here.pass(2 * WINDOW_MS);
  await here.raise(closed(here.now(), 3));
  await here.everywhere([OPENED, FAILED]);
  await here.raise(closed(here.now(), 4, SPEECH_TO_TEXT));
  await here.everywhere([OPENED, FAILED, BOTH_BACK]);
  expect(here.telegram.messages[2]?.text).toContain('Calls held back: 7');
  expect(here.telegram.messages[2]?.text).toContain('+1 more call failed');
});

it('what else of a provider goes down later is news, and has an end of its own', async () => {
  await here.raise(opened(here.now()));
  here.pass(WINDOW_MS + 1);
  await here.everywhere([OPENED]);
  const second = OPENED.replace('text-to-speech', 'speech-to-text');
  await here.raise(opened(here.now(), SPEECH_TO_TEXT));
  await here.everywhere([OPENED, second]);
  await here.raise(closed(here.now()));
  await here.everywhere([OPENED, second, BACK]);
  await here.raise(closed(here.now(), 0, SPEECH_TO_TEXT));
  await here.everywhere([OPENED, second, BACK, BACK.replace('text-to-speech', 'speech-to-text')]);
});

it('that somebody must pay is told at once, also in the middle of an outage of the same provider', async () => {
  await here.raise(opened(here.now()));
  here.pass(1_000);
  await here.raise(opened(here.now(), SPEECH_TO_TEXT, 'quota'));
  await here.everywhere([OPENED, OPENED.replace('text-to-speech', 'speech-to-text')]);
  await here.raise(...['elevenlabs:text-to-speech', SPEECH_TO_TEXT].map((service) => closed(here.now(), 0, service)));
  await here.everywhere([OPENED, OPENED.replace('text-to-speech', 'speech-to-text'), BOTH_BACK]);
});

it('two trunks are two incidents', async () => {
  await here.raise(opened(here.now(), 'trunk:PJSIP/one'), opened(here.now(), 'trunk:PJSIP/two'));
  await here.everywhere([
    "trunk PJSIP/one can't be used: calls that need it wait",
    "trunk PJSIP/two can't be used: calls that need it wait",
  ]);
});

it('an opening is told even if the end of the one before was never heard of', async () => {
  await here.raise(opened(here.now()));
  here.pass(WINDOW_MS * 2);
  await here.everywhere([OPENED]);
  await here.raise(opened(here.now()));
  await here.everywhere([OPENED, OPENED]);
});

it('processes that decided alone, without Redis, and tell of the same end once they have it, are heard once', async () => {
  await here.raise(opened(here.now()));
  here.pass(WINDOW_MS + 1);
  await here.raise(closed(here.now()), closed(here.now() + 1), closed(here.now() + 2));
  await here.raise(failed(1, here.now()));
  await here.everywhere([OPENED, BACK, FAILED]);
});

it('nothing is left in Redis when all is told and well', async () => {
  await here.raise(failed(1, here.now()), opened(here.now()), closed(here.now() + 1));
  here.pass(WINDOW_MS + 1);
  await here.everywhere([FAILED, OPENED, BACK]);
  await expect
    .poll(() => here.redis.keys(`${here.prefix}:alerts:*`).then((keys) => keys.filter((key) => !/:(seen|closed):/.test(key))))
    .toEqual([]);
});
