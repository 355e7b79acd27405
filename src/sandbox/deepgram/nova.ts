import { randomUUID } from 'node:crypto';
import type { HeardWord } from '../voice/voice.ts';
import type { Json, Listening } from './listen-socket.ts';

/** Words become final in pieces of so many; the real one does so every few seconds. */
const PIECE_WORDS = 5;
/** Less than this, and a Finalize is not answered. Milliseconds of audio. */
const NOTICEABLE_MS = 100;

/** `/v1/listen`: results that grow, become final piece by piece, or all at once when asked to. */
export function listenAsNova(say: (message: Json) => void, { model, interims }: { model: string; interims: boolean }): Listening {
  const requestId = randomUUID();
  const metadata = { request_id: requestId, model_info: { name: model, version: 'sandbox', arch: 'tones' }, model_uuid: randomUUID() };
  let words: HeardWord[] = [];
  let unfinishedMs = 0;
  let totalMs = 0;

  function tell(isFinal: boolean, fromFinalize: boolean): void {
    const transcript = words.map(({ text }) => text).join(' ');
    say({
      type: 'Results',
      channel_index: [0, 1],
      start: (totalMs - unfinishedMs) / 1000,
      duration: unfinishedMs / 1000,
      is_final: isFinal,
      speech_final: false,
      from_finalize: fromFinalize,
      channel: { alternatives: [{ transcript, confidence: transcript ? 1 : 0, words: words.map(describe) }] },
      metadata,
    });
    if (!isFinal) return;
    words = [];
    unfinishedMs = 0;
  }

  return {
    heard(heard, { ms }) {
      totalMs += ms;
      unfinishedMs += ms;
      for (const word of heard) {
        words.push(word);
        if (words.length >= PIECE_WORDS) tell(true, false);
        else if (interims) tell(false, false);
      }
    },
    on: {
      KeepAlive: () => {},
      Finalize: () => unfinishedMs >= NOTICEABLE_MS && tell(true, true),
    },
    finish() {
      if (words.length > 0) tell(true, false);
      const about = { transaction_key: 'deprecated', request_id: requestId, sha256: '0'.repeat(64), created: new Date().toISOString() };
      say({ type: 'Metadata', ...about, duration: totalMs / 1000, channels: 1 });
    },
  };
}

function describe({ text, startMs, endMs }: HeardWord): Json {
  const word = text.toLowerCase().replace(/[^\p{L}\p{N}']/gu, '');
  return { word, start: startMs / 1000, end: endMs / 1000, confidence: 1, punctuated_word: text };
}
