import { Telegram, TelegramError } from 'telegraf';
import { createClassify } from '../error-classification/classify.ts';
import type { Logger } from '../logger.ts';
import type { Channel } from './channel.ts';
import { TELEGRAM_ERRORS } from './errors/telegram.ts';

export interface TelegramOptions {
  token: string;
  chatId: string;
  apiRoot: string;
  log: Pick<Logger, 'warn'>;
}

/** Writes to one chat through a bot, without markup: a text can't be refused for a stray asterisk. */
export function createTelegramChannel({ token, chatId, apiRoot, log }: TelegramOptions): Channel {
  const classify = createClassify({ service: 'telegram', table: TELEGRAM_ERRORS, secrets: [token] });
  // Without the slash at the end, telegraf drops a path.
  const telegram = new Telegram(token, { apiRoot: apiRoot.endsWith('/') ? apiRoot : `${apiRoot}/` });
  let chat = chatId;

  const post = (text: string, signal: AbortSignal) =>
    telegram.callApi(
      'sendMessage',
      { chat_id: chat, text, link_preview_options: { is_disabled: true } },
      // telegraf types the signal by an old shim; the platform's own works.
      { signal: signal as unknown as NonNullable<NonNullable<Parameters<Telegram['callApi']>[2]>['signal']> },
    );

  return {
    name: 'telegram',
    async send({ telegram: text }, signal) {
      try {
        signal.throwIfAborted();
        await post(text, signal).catch(async (error: unknown) => {
          const moved = movedTo(error);
          if (moved === undefined) throw error;
          log.warn(
            { service: 'telegram' },
            `The chat has become a supergroup: set TELEGRAM_CHAT_ID=${moved}; until then its new id is used.`,
          );
          chat = moved;
          await post(text, signal);
        });
      } catch (error) {
        throw classify(signal.aborted ? signal.reason : error, 'alert');
      }
    },
  };
}

/** A group that becomes a supergroup gets a new id, and the old one is answered with it. */
function movedTo(error: unknown): string | undefined {
  const id = error instanceof TelegramError ? error.parameters?.migrate_to_chat_id : undefined;
  return id === undefined ? undefined : String(id);
}
