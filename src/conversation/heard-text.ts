/** Speech whose audio is not all there yet is taken to be this slow. 15 characters a second is a calm English voice. */
const TYPICAL_MS_PER_CHARACTER = 65;
/** Added to a word's length for its share of the time: short words take longer than their letters say. */
const WORD_CHARACTERS = 2;
/** A sample louder than this counts as voice. About -46 dBFS: above dither, below any vowel. */
const VOICED_LEVEL = 160;
const FRAME_MS = 20;
/** Words that were heard but for this share of them count as heard: the estimate isn't finer than that. */
const SLACK_CHARACTERS = 0.5;
/** Where words before and after are wanted, too, so many characters of them: one long word or two. */
const AROUND_CHARACTERS = 8;

/** Where in the audio of one sentence there is voice, so that pauses don't count as words. */
export interface VoiceClock {
  /** Signed 16-bit little-endian, in pieces of any size. */
  push(pcm: Buffer): void;
  readonly durationMs: number;
  /** Milliseconds of voice within the first `untilMs`; all of them without it. */
  voicedMs(untilMs?: number): number;
}

/** Notes frame by frame whether there is voice in a sentence's audio. */
export function createVoiceClock(sampleRate: number): VoiceClock {
  const frameBytes = (sampleRate * 2 * FRAME_MS) / 1000;
  const voiced: boolean[] = [];
  let rest = Buffer.alloc(0);

  return {
    push(pcm) {
      const bytes = rest.length === 0 ? pcm : Buffer.concat([rest, pcm]);
      let at = 0;
      for (; at + frameBytes <= bytes.length; at += frameBytes) voiced.push(isVoiced(bytes.subarray(at, at + frameBytes)));
      rest = Buffer.from(bytes.subarray(at));
    },
    get durationMs() {
      return voiced.length * FRAME_MS + (rest.length / frameBytes) * FRAME_MS;
    },
    voicedMs(untilMs = Number.POSITIVE_INFINITY) {
      return voiced.filter((isVoice, frame) => isVoice && frame * FRAME_MS < untilMs).length * FRAME_MS;
    },
  };
}

function isVoiced(frame: Buffer): boolean {
  for (let at = 0; at + 1 < frame.length; at += 2) if (Math.abs(frame.readInt16LE(at)) > VOICED_LEVEL) return true;
  return false;
}

/** The words of a sentence that end within the first `share` (0 to 1) of its voice. */
export function wordsWithin(text: string, share: number): string {
  if (share >= 1) return text;
  if (!(share > 0)) return '';
  const words = placeWords(text);
  const total = words.at(-1)?.end ?? 0;
  return joined(words.filter(({ end }) => end <= total * share + SLACK_CHARACTERS));
}

interface PlacedWord {
  word: string;
  start: number;
  end: number;
}

/** Where in a sentence each word is heard, in characters. */
function placeWords(text: string): PlacedWord[] {
  let reached = 0;
  return wordsOf(text).map((word) => {
    const start = reached;
    reached += word.length + WORD_CHARACTERS;
    return { word, start, end: reached };
  });
}

function joined(words: readonly PlacedWord[]): string {
  return words.map(({ word }) => word).join(' ');
}

export interface HeardSentence {
  text: string;
  clock: VoiceClock;
  /** All of its audio is in the clock. */
  whole: boolean;
  heardMs: number;
  /** It was played to its end. */
  complete: boolean;
}

/** What of a sentence reached the callee's ear, cut at the word. */
export function heardText({ text, clock, whole, heardMs, complete }: HeardSentence): string {
  if (complete && whole) return clock.durationMs > 0 ? text : '';
  const totalMs = totalVoicedMs({ text, clock, whole });
  return totalMs === 0 ? '' : wordsWithin(text, clock.voicedMs(heardMs) / totalMs);
}

/** The words that are heard between two moments of a sentence's audio, with those around them: where a word ends is an estimate. */
export function wordsBetween(sentence: Pick<HeardSentence, 'text' | 'clock' | 'whole'>, fromMs: number, untilMs: number): string {
  const totalMs = totalVoicedMs(sentence);
  if (totalMs === 0 || untilMs <= 0) return '';
  const words = placeWords(sentence.text);
  const perMs = (words.at(-1)?.end ?? 0) / totalMs;
  const from = sentence.clock.voicedMs(fromMs) * perMs - AROUND_CHARACTERS;
  const until = sentence.clock.voicedMs(untilMs) * perMs + AROUND_CHARACTERS;
  return joined(words.filter(({ start, end }) => end > from && start < until));
}

/** Cut off while it was still being synthesized: how long it would have become can only be guessed. */
function totalVoicedMs({ text, clock, whole }: Pick<HeardSentence, 'text' | 'clock' | 'whole'>): number {
  const voicedMs = clock.voicedMs();
  return whole ? voicedMs : Math.max(voicedMs, text.length * TYPICAL_MS_PER_CHARACTER);
}

/** Of the sentences of which `heard` was heard: those that weren't heard to their end. */
export function unheardSentences(sentences: readonly string[], heard: string): string[] {
  let left = countWords(heard);
  return sentences.filter((sentence) => {
    left -= countWords(sentence);
    return left < 0;
  });
}

function countWords(text: string): number {
  return wordsOf(text).length;
}

function wordsOf(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}
