import type { MediaLeg, Utterance } from '../media/media-leg.ts';
import type { TextToSpeech } from '../services/text-to-speech.ts';
import type { LiveLine } from './agent-reply.ts';
import { createVoiceClock, heardText, type VoiceClock, wordsBetween } from './heard-text.ts';
import type { ReadyLine } from './ready-lines.ts';

/** So many sentences may be queued or heard when the synthesis of the next one begins: the next is ready in time, and little is wasted by a barge-in. */
const SENTENCES_AHEAD = 2;

/** A sentence, one whose audio is there already, or one that comes with its audio. */
export type Spoken = string | ReadyLine | LiveLine;

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
  /** Speaks a line besides, before whatever has no sound yet. Resolves with what was heard of it. */
  interject(line: ReadyLine): Promise<string>;
  /** Stops what is heard within two frames, and keeps it. */
  pause(): void;
  /** Goes on where it was paused. */
  resume(): void;
  /** The words that were heard within the last so many milliseconds of what is being said, and one or two around them. */
  heardLately(ms: number): string;
  /** The sound of this text is there already. */
  hasReady(text: string): boolean;
  /** Milliseconds of our sentences that were heard so far, in the whole call. */
  readonly heardMs: number;
  /** The same of interjected lines. */
  readonly interjectedMs: number;
  /** A sentence of ours was begun and not heard to its end yet, or a line. */
  readonly speaking: boolean;
  /** What the next sound of ours depends on: a sentence, its synthesis, or the line to the callee. */
  readonly waitsFor: 'words' | 'sound' | 'playout';
}

export interface VoiceOptions {
  leg: MediaLeg;
  textToSpeech: TextToSpeech;
  voice: string;
  language: string;
  /** Sounds that needn't be synthesized, by their text. */
  pcmOf?: ReadonlyMap<string, Buffer> | undefined;
  /** Milliseconds from the answer. */
  now: () => number;
}

interface SentenceInPlayout {
  text: string;
  startedAtMs: number;
  utterance: Utterance;
  clock: VoiceClock;
  whole: boolean;
}

export function createVoice({ leg, textToSpeech, voice, language, pcmOf = new Map(), now }: VoiceOptions): Voice {
  const sentencesHeard = createTally();
  const interjected = createTally();
  let synthesizing = false;
  let midSentence = false;
  let current: SentenceInPlayout[] = [];

  function soundOf(sentence: Spoken, signal: AbortSignal): Iterable<Buffer> | AsyncIterable<Buffer> {
    if (typeof sentence !== 'string' && 'sound' in sentence) return sentence.sound;
    const ready = typeof sentence === 'string' ? pcmOf.get(sentence) : sentence.pcm;
    if (ready !== undefined) return [ready];
    return textToSpeech.synthesize({ text: textOf(sentence), voice, language, sampleRate: leg.sampleRate }, signal);
  }

  async function speakSentence(sentence: Spoken, sentences: SentenceInPlayout[], signal: AbortSignal): Promise<void> {
    let inPlayout: SentenceInPlayout | undefined;
    synthesizing = true;
    try {
      for await (const pcm of soundOf(sentence, signal)) {
        if (signal.aborted) return;
        // Its place in the queue is taken by its first sound: whatever has sound earlier is heard earlier.
        if (inPlayout === undefined) {
          inPlayout = {
            get text() {
              return textOf(sentence);
            },
            startedAtMs: now(),
            utterance: leg.speak(),
            clock: createVoiceClock(leg.sampleRate),
            whole: false,
          };
          sentences.push(inPlayout);
          sentencesHeard.add(inPlayout.utterance);
          midSentence = true;
        }
        inPlayout.clock.push(pcm);
        await inPlayout.utterance.write(pcm);
      }
      if (inPlayout) inPlayout.whole = !signal.aborted && !isBrokenOff(sentence);
    } finally {
      synthesizing = false;
      midSentence = false;
      inPlayout?.utterance.end();
    }
  }

  return {
    async say(source, signal) {
      const sentences: SentenceInPlayout[] = [];
      current = sentences;
      let failure: { error: unknown } | undefined;
      let allSaid = false;
      const flush = () => leg.flush();
      signal.addEventListener('abort', flush, { once: true });
      try {
        for await (const sentence of source) {
          await sentences.at(-SENTENCES_AHEAD)?.utterance.played;
          if (signal.aborted) break;
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
      return {
        text: heard.filter((words) => words !== '').join(' '),
        startedAtMs: sentences[0]?.startedAtMs,
        cutOff: signal.aborted && !allSaid,
        ...failure,
      };
    },
    async interject({ text, pcm }) {
      const utterance = leg.speak();
      const clock = createVoiceClock(leg.sampleRate);
      clock.push(pcm);
      interjected.add(utterance);
      // Not waited for: a line is short, and room for it comes or the leg dies.
      void utterance.write(pcm);
      utterance.end();
      return heardText({ text, clock, whole: true, ...(await utterance.played) });
    },
    pause: () => leg.pause(),
    resume: () => leg.resume(),
    heardLately(ms) {
      let fromEndMs = 0;
      const heard = current.toReversed().map(({ text, clock, whole, utterance: { heardMs } }) => {
        const fromMs = heardMs - (ms - fromEndMs);
        fromEndMs += heardMs;
        return wordsBetween({ text, clock, whole }, fromMs, heardMs);
      });
      return heard.toReversed().join(' ');
    },
    hasReady: (text) => pcmOf.has(text),
    get heardMs() {
      return sentencesHeard.heardMs;
    },
    get interjectedMs() {
      return interjected.heardMs;
    },
    get speaking() {
      return midSentence || leg.speaking;
    },
    get waitsFor() {
      if (leg.speaking) return 'playout';
      return synthesizing ? 'sound' : 'words';
    },
  };
}

function isBrokenOff(sentence: Spoken): boolean {
  return typeof sentence !== 'string' && 'sound' in sentence && sentence.brokenOff;
}

function textOf(sentence: Spoken): string {
  return typeof sentence === 'string' ? sentence : sentence.text;
}

/** Adds up what was heard of many utterances. */
function createTally() {
  const living = new Set<Utterance>();
  let endedMs = 0;
  return {
    add(utterance: Utterance): void {
      living.add(utterance);
      void utterance.played.then(({ heardMs }) => {
        living.delete(utterance);
        endedMs += heardMs;
      });
    },
    get heardMs(): number {
      return [...living].reduce((sum, { heardMs }) => sum + heardMs, endedMs);
    },
  };
}
