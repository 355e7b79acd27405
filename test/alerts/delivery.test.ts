import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { telegramErrors } from '../../src/sandbox/telegram-errors.ts';
import { webhookErrors } from '../../src/sandbox/webhook-sink.ts';
import { type Alerting, closed, failed, opened, startAlerting } from './alerting.ts';

let here: Alerting;
beforeEach(async () => {
  here = await startAlerting({ redisUrl: inject('redisUrl') });
});
afterEach(() => here.close());

const OPENED = "ElevenLabs text-to-speech can't be used: calls that need it wait";
const BACK = 'ElevenLabs text-to-speech is back after 12 min';
const DEAD = '1 message could not be sent by telegram';

it('a channel that hangs delays no other', async () => {
  here.telegram.faults.set({ kind: 'hang' });
  await here.raise(opened(here.now()), closed(here.now() + 1));
  await here.everywhere([OPENED, BACK], ['email', 'webhook']);
  expect(here.telegram.messages).toHaveLength(0);
  here.telegram.faults.clear();
  // The request that hangs is let go only now; otherwise its deadline would.
  await here.telegram.close();
});

it('what fails is sent again later, and then arrives once', async () => {
  here.sink.faults.set(webhookErrors.unavailable503, { times: 2 });
  here.smtp.set('auth', { kind: 'code', code: 454 }, { times: 1 });
  await here.raise(opened(here.now()));
  await here.everywhere([OPENED]);
  expect(here.sink.faults.requests).toHaveLength(3);
});

it('flood control makes the channel wait as long as it says, and costs the message none of its deliveries', async () => {
  here.telegram.faults.set(
    { ...telegramErrors.tooMany429, body: { ok: false, error_code: 429, parameters: { retry_after: 1 } } },
    { times: 4 },
  );
  const began = Date.now();
  await here.raise(opened(here.now()));
  await here.everywhere([OPENED]);
  // Four times a second, and there are only three deliveries.
  expect(Date.now() - began).toBeGreaterThanOrEqual(3_900);
  expect(here.telegram.faults.requests).toHaveLength(5);
});

it('a message that can not be sent for hours becomes a dead letter, is told on the other channels, and can be sent from Bull Board', async () => {
  here.telegram.faults.set(telegramErrors.unavailable503);
  await here.raise(opened(here.now()));
  await here.everywhere([OPENED, DEAD], ['email', 'webhook']);
  // The first delivery and two waits.
  expect(here.telegram.faults.requests).toHaveLength(3);

  const file = join(here.deadLetterDir, 'alerts-telegram.jsonl');
  const [line = '', ...rest] = (await readFile(file, 'utf8')).trim().split('\n');
  expect(rest).toEqual([]);
  expect(JSON.parse(line)).toMatchObject({ reason: expect.stringContaining('503'), message: { alert: { kind: 'breaker-opened' } } });
  expect((await stat(file)).mode & 0o077).toBe(0);

  const queue = here.alerts.queues.find(({ name }) => name === 'alerts-telegram');
  const [job] = (await queue?.getFailed()) ?? [];
  expect(job?.failedReason).toContain('503');
  here.telegram.faults.clear();
  await job?.retry();
  await here.everywhere([OPENED], ['telegram']);
});

it('a channel that refuses for good is not asked again', async () => {
  here.telegram.faults.set(telegramErrors.blocked403);
  await here.raise(opened(here.now()));
  await here.everywhere([OPENED, DEAD], ['email', 'webhook']);
  expect(here.telegram.faults.requests).toHaveLength(1);
  expect(here.smtp.mails[1]?.text).toContain('thrown out of the chat');
});

it('when every channel is down the dead letters are written, and nobody is told of them in circles', async () => {
  here.telegram.faults.set(telegramErrors.blocked403);
  here.sink.faults.set(webhookErrors.gone410);
  here.smtp.set('auth', { kind: 'code', code: 535 });
  await here.raise(opened(here.now()));
  // Of the opening on each channel, and of the dead letters of the two other channels on each.
  await expect.poll(() => here.log.lines.filter(({ message }) => message.includes('dead letter now')).length, { timeout: 10_000 }).toBe(9);
  for (const name of ['email', 'telegram', 'webhook']) {
    const read = async () => (await readFile(join(here.deadLetterDir, `alerts-${name}.jsonl`), 'utf8')).trim().split('\n');
    // It is logged, then written.
    await expect
      .poll(async () => (await read()).map((line) => JSON.parse(line).message.alert.kind).sort(), { timeout: 10_000 })
      .toEqual(['breaker-opened', 'dead-letter', 'dead-letter']);
  }
  const left = () => Promise.all(here.alerts.queues.map((queue) => queue.getJobCountByTypes('waiting', 'delayed', 'active')));
  await expect.poll(left, { timeout: 10_000 }).toEqual([0, 0, 0]);
});

it('no phone number is kept in Redis, and none is told', async () => {
  await here.raise(failed(1, here.now()));
  await here.everywhere(['A call failed: ElevenLabs text-to-speech']);
  expect(here.telegram.messages[0]?.text).toContain('+12025');
  const told = JSON.stringify([here.smtp.mails, here.telegram.messages, here.sink.deliveries]);
  // A job is completed a moment after its message has arrived.
  const completed = async () => (await Promise.all(here.alerts.queues.map((queue) => queue.getCompleted()))).flat();
  await expect.poll(async () => (await completed()).length, { timeout: 10_000 }).toBe(3);
  expect(told + JSON.stringify((await completed()).map((job) => job.data))).not.toContain('2025550123');
});
