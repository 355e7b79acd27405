import { splitSentences } from './sentences.ts';
import type { Voice } from './speaking.ts';
import type { Transcript } from './transcript.ts';

/** Last words take no longer than this, whatever text-to-speech does. */
const LAST_WORDS_MS = 45_000;

export interface EndingContext {
  voice: Voice;
  transcript: Transcript;
  language: string;
  /** Aborts when the call is over. */
  over: AbortSignal;
  log: { warn(facts: object, message: string): void };
}

/** The goodbye, the acknowledgement or the apology, heard to its end. When it can't be spoken the call ends without it. */
export async function sayLastWords(words: readonly string[], { voice, transcript, language, over, log }: EndingContext): Promise<void> {
  const sentences = words.flatMap((text) => splitSentences(text, language));
  if (sentences.length === 0 || over.aborted) return;
  const tooLong = new AbortController();
  const timer = setTimeout(() => tooLong.abort(new Error('the last words took too long')), LAST_WORDS_MS);
  const said = await voice.say(sentences, AbortSignal.any([over, tooLong.signal]));
  clearTimeout(timer);
  if (said.text !== '') transcript.agent({ text: said.text, atMs: said.startedAtMs ?? 0, bargedIn: false });
  if (said.error !== undefined) log.warn({ err: said.error }, 'the last words could not be spoken');
}
