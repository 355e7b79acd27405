import { ENDPOINT_DELAYS_MS, endpointDelayMs } from './endpointing.ts';
import type { Ear } from './listening.ts';
import { isOptOut } from './opt-out-phrases.ts';
import { plainWords } from './plain-words.ts';
import type { Reply } from './reply.ts';
import { whenAborted } from './when-aborted.ts';

/**
 * Thinks ahead: while it isn't certain yet that the callee has finished, the model is asked for the reply to what is understood by then.
 * It is kept when the turn turns out to be just that, and dropped, request and all, as soon as there is one more word.
 */
export interface EarlyReplies {
  /** From here on the callee's turn is waited for. */
  listen(): void;
  /** The reply to these words, if it was begun; it is the taker's from now on. */
  take(text: string, signal: AbortSignal): Reply | undefined;
  /** Drops what wasn't taken, and begins nothing until `listen`. */
  drop(): void;
}

/** For what thinks ahead by itself. */
export const NO_EARLY_REPLIES: EarlyReplies = { listen() {}, take: () => undefined, drop() {} };

export interface EarlyRepliesOptions {
  ear: Pick<Ear, 'onSound'>;
  begin: (text: string, signal: AbortSignal) => Reply;
  /** Ends the listening. */
  signal: AbortSignal;
}

export function createEarlyReplies({ ear, begin, signal }: EarlyRepliesOptions): EarlyReplies {
  let listening = false;
  let early: { words: string; reply: Reply; controller: AbortController; failed: boolean } | undefined;

  function drop(): void {
    early?.controller.abort(new Error('the callee said something else'));
    early = undefined;
  }

  function think(text: string): void {
    const words = plainWords(text);
    if (!listening || early?.words === words) return;
    drop();
    // Who is in the middle of a sentence will say more.
    if (isOptOut(text) || endpointDelayMs(text) >= ENDPOINT_DELAYS_MS.unfinished) return;
    const controller = new AbortController();
    const begun = { words, reply: begin(text, controller.signal), controller, failed: false };
    early = begun;
    void begun.reply.done.then(({ error }) => {
      begun.failed = error !== undefined;
    });
  }

  const unsubscribe = ear.onSound((sound) => {
    if (sound.kind === 'pause') think(sound.text);
    else if (sound.kind === 'words' && plainWords(sound.text) !== early?.words) drop();
  });
  const stop = () => {
    listening = false;
    drop();
  };
  whenAborted(signal, () => {
    unsubscribe();
    stop();
  });

  return {
    listen() {
      listening = true;
    },
    take(text, taker) {
      if (early === undefined || early.failed || early.words !== plainWords(text)) return undefined;
      const { reply, controller } = early;
      early = undefined;
      listening = false;
      whenAborted(taker, () => controller.abort(taker.reason));
      return reply;
    },
    drop: stop,
  };
}
