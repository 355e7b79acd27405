import { Telegram } from 'telegraf';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startTelegramSandbox, type TelegramSandbox } from '../../src/sandbox/telegram.ts';
import { telegramErrors } from '../../src/sandbox/telegram-errors.ts';

const TOKEN = '4242:sandbox-token-of-some-length';
let sandbox: TelegramSandbox;
let telegram: Telegram;
beforeEach(async () => {
  sandbox = await startTelegramSandbox({ token: TOKEN });
  telegram = new Telegram(TOKEN, { apiRoot: sandbox.url });
});
afterEach(() => sandbox.close());

it('a bot can be asked for its name and written through', async () => {
  expect(await telegram.getMe()).toMatchObject({ is_bot: true });
  expect(await telegram.sendMessage('-100', 'hello')).toMatchObject({ text: 'hello', message_id: 1 });
  expect(sandbox.messages).toMatchObject([{ chatId: '-100', text: 'hello' }]);
});

it('another token is refused, and none is kept in the journal', async () => {
  await expect(new Telegram('1:other', { apiRoot: sandbox.url }).getMe()).rejects.toMatchObject({ code: 401 });
  expect(JSON.stringify(sandbox.faults.requests)).not.toMatch(/other|sandbox-token/);
});

it('a text that is too long, empty or badly marked up is refused', async () => {
  await expect(telegram.sendMessage('1', 'x'.repeat(4_097))).rejects.toMatchObject({ code: 400, description: /too long/ });
  await expect(telegram.sendMessage('1', '')).rejects.toMatchObject({ code: 400 });
  await expect(telegram.sendMessage('1', 'a < b', { parse_mode: 'HTML' })).rejects.toMatchObject({ description: /can't parse entities/ });
  await expect(telegram.sendMessage('1', '1.5!', { parse_mode: 'MarkdownV2' })).rejects.toMatchObject({
    description: /can't parse entities/,
  });
  await telegram.sendMessage('1', 'a < b. _*[1.5!');
  expect(sandbox.messages).toHaveLength(1);
});

it('a group that has become a supergroup answers with its new id', async () => {
  sandbox.migrate('-5', '-1005');
  await expect(telegram.sendMessage('-5', 'hello')).rejects.toMatchObject({ code: 400, parameters: { migrate_to_chat_id: -1005 } });
});

it('flood control says how long to wait', async () => {
  sandbox.faults.set(telegramErrors.tooMany429, { times: 1 });
  await expect(telegram.sendMessage('1', 'hello')).rejects.toMatchObject({ code: 429, parameters: { retry_after: 2 } });
  await telegram.sendMessage('1', 'hello');
});
