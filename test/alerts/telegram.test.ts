import { afterEach, beforeEach, expect, it } from 'vitest';
import { createTelegramChannel } from '../../src/alerts/telegram.ts';
import { startTelegramSandbox, type TelegramSandbox } from '../../src/sandbox/telegram.ts';
import { telegramErrors } from '../../src/sandbox/telegram-errors.ts';
import { failureOf, keptLog, rendered } from './rendered.ts';

const TOKEN = '4242:sandbox-token-of-some-length';
const never = new AbortController().signal;
let sandbox: TelegramSandbox;
let log: ReturnType<typeof keptLog>;
beforeEach(async () => {
  sandbox = await startTelegramSandbox({ token: TOKEN });
  log = keptLog();
});
afterEach(() => sandbox.close());

const channel = (options: { token?: string; apiRoot?: string } = {}) =>
  createTelegramChannel({ token: TOKEN, chatId: '-7', apiRoot: sandbox.url, log, ...options });

it('a text arrives word for word, stray marks and all', async () => {
  await channel().send(rendered, never);
  expect(sandbox.messages).toMatchObject([{ chatId: '-7', text: rendered.telegram }]);
});

it('flood control is obeyed to the second, and is no fault of the service', async () => {
  sandbox.faults.set(telegramErrors.tooMany429);
  expect(await failureOf(channel().send(rendered, never))).toMatchObject({
    service: 'telegram',
    category: 'rate-limited',
    retryAfterMs: 2_000,
    status: 429,
  });
});

it('when the group has moved, the new one is written to, now and later, and the log says what to set', async () => {
  sandbox.migrate('-7', '-1007');
  const telegram = channel();
  await telegram.send(rendered, never);
  await telegram.send(rendered, never);
  expect(sandbox.messages.map(({ chatId }) => chatId)).toEqual(['-1007', '-1007']);
  expect(sandbox.faults.requests).toHaveLength(3);
  expect(log.lines).toMatchObject([{ level: 'warn', message: expect.stringContaining('TELEGRAM_CHAT_ID=-1007') }]);
});

it.each([
  ['blocked403', 'permanent', 'thrown out of the chat'],
  ['chatNotFound400', 'permanent', 'Check TELEGRAM_CHAT_ID'],
  ['unauthorized401', 'auth', 'Check TELEGRAM_BOT_TOKEN'],
  ['notFound404', 'auth', 'Check TELEGRAM_BOT_TOKEN'],
  ['unavailable503', 'transient', 'will be asked again'],
] as const)('%s is %s, and the message says what to do', async (preset, category, hint) => {
  sandbox.faults.set(telegramErrors[preset]);
  const error = await failureOf(channel().send(rendered, never));
  expect(error).toMatchObject({ service: 'telegram', category });
  expect(error.message).toContain(hint);
});

it('a proxy that answers in HTML, a reset and a refused connection are passing troubles', async () => {
  sandbox.faults.set({ kind: 'lie', body: '<html>login</html>' }, { times: 1 });
  expect(await failureOf(channel().send(rendered, never))).toMatchObject({ category: 'transient', code: 'invalid-json' });
  sandbox.faults.set({ kind: 'reset', when: 'before-headers' }, { times: 1 });
  expect(await failureOf(channel().send(rendered, never))).toMatchObject({ category: 'transient', code: 'ECONNRESET' });
  const gone = channel();
  await sandbox.close();
  expect(await failureOf(gone.send(rendered, never))).toMatchObject({ category: 'transient', code: 'ECONNREFUSED' });
});

it.each([{ kind: 'hang' }, { kind: 'stall', afterBytes: 4 }] as const)(
  'an answer that never comes ($kind) ends with the deadline',
  async (fault) => {
    sandbox.faults.set(fault);
    expect(await failureOf(channel().send(rendered, AbortSignal.timeout(100)))).toMatchObject({ category: 'transient', code: 'ETIMEDOUT' });
  },
);

it('the token is in no error, however telegraf words it', async () => {
  const leaks: string[] = [];
  for (const fault of [
    { kind: 'lie', body: `<html>/bot${TOKEN}/</html>` },
    { kind: 'reset', when: 'in-body' },
    telegramErrors.notFound404,
  ] as const) {
    sandbox.faults.set(fault);
    for (let link: unknown = await failureOf(channel().send(rendered, never)); link instanceof Error; link = link.cause) {
      leaks.push(`${link.message} ${link.stack} ${JSON.stringify(link)}`);
    }
  }
  expect(leaks.length).toBeGreaterThan(3);
  expect(leaks.join('\n')).not.toContain('sandbox-token');
});
