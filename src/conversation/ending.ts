import type { Patience } from './patience.ts';
import { splitSentences } from './sentences.ts';
import type { Spoken, Voice } from './speaking.ts';
import type { Transcript } from './transcript.ts';

/** Last words take no longer than this, whatever text-to-speech does. */
const LAST_WORDS_MS = 45_000;

export interface EndingContext {
  voice: Voice;
  transcript: Transcript;
  patience: Patience;
  /** What is said when the words can't be. */
  apology: Spoken;
  language: string;
  /** Aborts when the call is over. */
  over: AbortSignal;
  log: { warn(facts: object, message: string): void };
}

/**
 * The goodbye, the acknowledgement or the apology, heard to its end. When nothing of it can be spoken the apology is,
 * and when that can't be spoken either the call ends without a word.
 */
export async function sayLastWords(words: readonly Spoken[], context: EndingContext): Promise<void> {
  const { apology, log, over } = context;
  if (words.length === 0 || over.aborted) return;
  const said = await sayInTime(words, context);
  if (said.error === undefined) return;
  log.warn({ err: said.error }, 'the last words could not be spoken');
  if (said.text === '' && !words.includes(apology) && !over.aborted) await sayInTime([apology], context);
}

async function sayInTime(
  words: readonly Spoken[],
  { voice, transcript, patience, language, over }: EndingContext,
): Promise<{ text: string; error?: unknown }> {
  const sentences = words.flatMap<Spoken>((text) =>
    typeof text === 'string' && !voice.hasReady(text) ? splitSentences(text, language) : text,
  );
  const tooLong = new AbortController();
  const timer = setTimeout(() => tooLong.abort(new Error('the last words took too long')), LAST_WORDS_MS);
  const stopWatching = patience.watch((error) => tooLong.abort(error));
  const said = await voice.say(sentences, AbortSignal.any([over, tooLong.signal]));
  clearTimeout(timer);
  await stopWatching();
  if (said.text !== '') transcript.agent({ text: said.text, atMs: said.startedAtMs ?? 0, bargedIn: false });
  return { text: said.text, error: said.error ?? (tooLong.signal.aborted ? tooLong.signal.reason : undefined) };
}
