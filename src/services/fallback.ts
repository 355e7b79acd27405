import { ServiceError } from '../errors.ts';
import type { LanguageModel } from './language-model.ts';
import type { SpeechToText } from './speech-to-text.ts';
import type { TextToSpeech } from './text-to-speech.ts';

export interface FallbackOptions {
  /** Of the alternatives, in their order; for one that is to be avoided. */
  names?: readonly string[] | undefined;
  /** An alternative failed, and the next one is asked. */
  onFallback?: (error: ServiceError) => void;
}

/** A second voice when the first fails before its first sound. What fails later fails: nobody hears a sentence twice. */
export function createFallbackTextToSpeech(alternatives: readonly TextToSpeech[], options: FallbackOptions = {}): TextToSpeech {
  return {
    synthesize: (request, signal) =>
      firstThatStarts({
        ...options,
        alternatives: alternatives.map((voice) => () => voice.synthesize(request, signal)),
        isStart: (pcm) => pcm.length > 0,
        signal,
      }),
  };
}

/** A second model when the first fails before its first word. */
export function createFallbackLanguageModel(alternatives: readonly LanguageModel[], options: FallbackOptions = {}): LanguageModel {
  return {
    respond: (request, signal) =>
      firstThatStarts({
        ...options,
        alternatives: alternatives.map((model) => () => model.respond(request, signal)),
        isStart: (event) => event.type === 'tool-call' || (event.type === 'text' && event.delta !== ''),
        signal,
      }),
  };
}

/** A second speech-to-text when no session can be had from the first. Inside a reconnecting one it also takes over a lost session. */
export function createFallbackSpeechToText(
  alternatives: readonly SpeechToText[],
  { onFallback, names }: FallbackOptions = {},
): SpeechToText {
  return {
    async open(options) {
      const failures: ServiceError[] = [];
      const avoided = alternatives[options.avoid === undefined ? -1 : (names?.indexOf(options.avoid) ?? -1)];
      const inOrder = avoided === undefined ? alternatives : [...alternatives.filter((one) => one !== avoided), avoided];
      for (const [i, alternative] of inOrder.entries()) {
        try {
          return await alternative.open(options);
        } catch (error) {
          noteFailure({ error, failures, signal: options.signal });
          if (error instanceof ServiceError && i < alternatives.length - 1) onFallback?.(error);
        }
      }
      throw mostTelling(failures);
    },
  };
}

interface Streams<T> extends FallbackOptions {
  alternatives: readonly (() => AsyncIterable<T>)[];
  /** Whether this part is one that somebody hears or acts on. */
  isStart: (part: T) => boolean;
  signal: AbortSignal;
}

async function* firstThatStarts<T>({ alternatives, isStart, signal, onFallback }: Streams<T>): AsyncGenerator<T> {
  const failures: ServiceError[] = [];
  for (const [i, open] of alternatives.entries()) {
    let started = false;
    try {
      for await (const part of open()) {
        started ||= isStart(part);
        yield part;
      }
      return;
    } catch (error) {
      if (started) throw error;
      noteFailure({ error, failures, signal });
      if (error instanceof ServiceError && i < alternatives.length - 1) onFallback?.(error);
    }
  }
  throw mostTelling(failures);
}

/** Throws what no other service can mend: the end of the call, a mistake of ours. */
function noteFailure({ error, failures, signal }: { error: unknown; failures: ServiceError[]; signal: AbortSignal }): void {
  if (signal.aborted || !(error instanceof ServiceError)) throw error;
  failures.push(error);
}

/** The last that was asked and failed; one that wasn't even asked says the least. */
function mostTelling(failures: readonly ServiceError[]): Error {
  return failures.findLast(({ code }) => code !== 'breaker-open') ?? failures.at(-1) ?? new RangeError('there is no service to ask');
}
