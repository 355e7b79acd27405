import type { MediaLeg, Utterance } from '../media/media-leg.ts';
import type { TextToSpeech } from '../services/text-to-speech.ts';
import { createVoiceClock, heardText, type VoiceClock } from './heard-text.ts';

/** So many sentences may be queued or heard when the synthesis of the next one begins: the next is ready in time, and little is wasted by a barge-in. */
const SENTENCES_AHEAD = 2;

/** A sentence, or one whose audio is there already. */
export type Spoken = string | { text: string; pcm: Buffer };

/** How a say of the agent went. */
export interface Said {
  /** What was heard, cut at the word. */
  text: string;
  /** When the first of it went out; milliseconds from the answer. Undefined when nothing did. */
  startedAtMs: number | undefined;
  /** The signal came before everything was heard. */
  cutOff: boolean;
  /** Text-to-speech or the source of the sentences failed. What was synthesized by then was still heard. */
  error?: unknown;
}

export interface Voice {
  /**
   * Speaks sentence by sentence, in order, each synthesized while the one before is heard. Resolves when everything
   * was heard, or, once `signal` aborts, as soon as playout has stopped. Never rejects.
   */
  say(sentences: Iterable<Spoken> | AsyncIterable<Spoken>, signal: AbortSignal): Promise<Said>;
}

export interface VoiceOptions {
  leg: MediaLeg;
  textToSpeech: TextToSpeech;
  voice: string;
  language: string;
  /** Milliseconds from the answer. */
  now: () => number;
}

interface SentenceInPlayout {
  text: string;
  utterance: Utterance;
  clock: VoiceClock;
  whole: boolean;
}

export function createVoice({ leg, textToSpeech, voice, language, now }: VoiceOptions): Voice {
  async function speakSentence(sentence: Spoken, sentences: SentenceInPlayout[], signal: AbortSignal): Promise<void> {
    const text = typeof sentence === 'string' ? sentence : sentence.text;
    const inPlayout = { text, utterance: leg.speak(), clock: createVoiceClock(leg.sampleRate), whole: false };
    sentences.push(inPlayout);
    const audio =
      typeof sentence === 'string'
        ? textToSpeech.synthesize({ text, voice, language, sampleRate: leg.sampleRate }, signal)
        : [sentence.pcm];
    try {
      for await (const pcm of audio) {
        if (signal.aborted) return;
        inPlayout.clock.push(pcm);
        await inPlayout.utterance.write(pcm);
      }
      inPlayout.whole = !signal.aborted;
    } finally {
      inPlayout.utterance.end();
    }
  }

  return {
    async say(source, signal) {
      const sentences: SentenceInPlayout[] = [];
      let startedAtMs: number | undefined;
      let failure: { error: unknown } | undefined;
      let allSaid = false;
      const flush = () => leg.flush();
      signal.addEventListener('abort', flush, { once: true });
      try {
        for await (const sentence of source) {
          await sentences.at(-SENTENCES_AHEAD)?.utterance.played;
          if (signal.aborted) break;
          startedAtMs ??= now();
          await speakSentence(sentence, sentences, signal);
        }
        allSaid = !signal.aborted;
      } catch (error) {
        if (!signal.aborted) failure = { error };
      }
      const heard = await Promise.all(
        sentences.map(async ({ utterance, ...sentence }) => {
          const played = await utterance.played;
          allSaid &&= played.complete;
          return heardText({ ...sentence, ...played });
        }),
      );
      signal.removeEventListener('abort', flush);
      return { text: heard.filter((words) => words !== '').join(' '), startedAtMs, cutOff: signal.aborted && !allSaid, ...failure };
    },
  };
}
