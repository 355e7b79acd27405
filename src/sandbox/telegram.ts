import { z } from 'zod';
import { createFaultSwitch } from './faults.ts';
import { createSandboxApp, listenOnLoopback, type SandboxServer } from './sandbox-server.ts';
import { telegramErrors } from './telegram-errors.ts';

export interface TelegramSandboxOptions {
  /** The only bot token that is let in. Without it, any. */
  token?: string | undefined;
  port?: number | undefined;
}

/** A message as somebody sees it who has the chat open. */
export interface TelegramMessage {
  chatId: string;
  text: string;
  /** Unix milliseconds. */
  at: number;
}

export interface TelegramSandbox extends SandboxServer {
  /** Oldest first. */
  readonly messages: TelegramMessage[];
  /** The group became a supergroup: from now on its old id is answered with the new one. */
  migrate(fromChatId: string, toChatId: string): void;
}

/** https://core.telegram.org/bots/api#sendmessage */
const MAX_TEXT = 4_096;
const SendMessage = z.object({
  chat_id: z.coerce.string().min(1),
  text: z.string(),
  parse_mode: z.string().optional(),
});

class Refusal extends Error {
  readonly status: number;
  readonly parameters: Record<string, number> | undefined;

  constructor(status: number, description: string, parameters?: Record<string, number>) {
    super(description);
    this.status = status;
    this.parameters = parameters;
  }
}

/** Telegram's Bot API in miniature: one bot that can be written through. */
export async function startTelegramSandbox(options: TelegramSandboxOptions = {}): Promise<TelegramSandbox> {
  const messages: TelegramMessage[] = [];
  const moved = new Map<string, string>();
  const faults = createFaultSwitch({ presets: telegramErrors });
  const app = createSandboxApp(faults);
  app.setErrorHandler((error, _request, reply) => {
    const refusal = error instanceof Refusal ? error : new Refusal(400, 'Bad Request: the parameters are not understood');
    const { status, message: description, parameters } = refusal;
    return reply.code(status).send({ ok: false, error_code: status, description, ...(parameters && { parameters }) });
  });
  app.all('/:bot/:method', (request) => {
    const { bot, method } = request.params as { bot: string; method: string };
    if (!bot.startsWith('bot')) throw new Refusal(404, 'Not Found');
    if (options.token !== undefined && bot !== `bot${options.token}`) throw new Refusal(401, 'Unauthorized');
    if (method === 'getMe') return { ok: true, result: { id: 42, is_bot: true, first_name: 'Sandbox', username: 'sandbox_bot' } };
    if (method !== 'sendMessage') throw new Refusal(404, 'Not Found: method not found');
    const message = readMessage(request.body, moved);
    messages.push(message);
    const chat = { id: Number(message.chatId), type: 'group' };
    return { ok: true, result: { message_id: messages.length, date: Math.floor(message.at / 1000), chat, text: message.text } };
  });
  const server = await listenOnLoopback(app, faults, options.port);
  return { ...server, messages, migrate: (from, to) => void moved.set(from, to) };
}

function readMessage(body: unknown, moved: ReadonlyMap<string, string>): TelegramMessage {
  const { chat_id: chatId, text, parse_mode: mode } = SendMessage.parse(body);
  const target = moved.get(chatId);
  if (target !== undefined) {
    throw new Refusal(400, 'Bad Request: group chat was upgraded to a supergroup chat', { migrate_to_chat_id: Number(target) });
  }
  if (text === '') throw new Refusal(400, 'Bad Request: message text is empty');
  if (text.length > MAX_TEXT) throw new Refusal(400, 'Bad Request: message is too long');
  // The real rules are many; that an unescaped mark breaks a message is what matters here.
  if ((mode === 'HTML' && /<(?!\/?[a-z-]+>)/.test(text)) || (mode === 'MarkdownV2' && /(?<!\\)[.!#+=|{}()-]/.test(text))) {
    throw new Refusal(400, "Bad Request: can't parse entities");
  }
  return { chatId, text, at: Date.now() };
}
