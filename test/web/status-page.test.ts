import { expect, it } from 'vitest';
import { reportHealth } from '../../src/web/health-report.ts';
import { renderStatusPage } from '../../src/web/status-page.ts';
import { live, NOON } from './heartbeats.ts';

const page = (workers: Parameters<typeof reportHealth>[0]['workers'], now = NOON) =>
  renderStatusPage({
    health: reportHealth({ workers, redis: 'connected', readAt: NOON }),
    queues: { value: { calls: { waiting: 4711, active: 2 } }, readAt: NOON, failed: false },
    links: [{ title: 'Bull Board', path: '/board' }],
    now,
  });

it('says who is live, how the breakers stand and how much is waiting', () => {
  const text = page([live({ activeCalls: 3 })]);
  for (const words of ['Calls can be placed', 'host-1', 'openai:language-model', '4711', 'href="/board"']) expect(text).toContain(words);
});

it('whatever an error message or a host is called, it is text and never markup', () => {
  const lastError = { code: '"><b>', message: '<script>alert(1)</script>' };
  const text = page([live({ name: "o'<i>host", services: [{ service: 'x<img src=x>', state: 'open', lastError }] })]);
  expect(text).not.toMatch(/<script|<img|<i>|<b>/);
  expect(text).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
  expect(text).toContain('o&#39;&lt;i&gt;host');
});

it('counts that are old say so', () => {
  expect(page([live()])).not.toContain('Counted');
  expect(page([live()], NOON + 120_000)).toContain('Counted 2 min ago');
});
