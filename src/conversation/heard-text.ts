/** Speech whose audio is not all there yet is taken to be this slow. 15 characters a second is a calm English voice. */
const TYPICAL_MS_PER_CHARACTER = 65;
/** Added to a word's length for its share of the time: short words take longer than their letters say. */
const WORD_CHARACTERS = 2;
/** A sample louder than this counts as voice. About -46 dBFS: above dither, below any vowel. */
const VOICED_LEVEL = 160;
const FRAME_MS = 20;
/** Words that were heard but for this share of them count as heard: the estimate isn't finer than that. */
const SLACK_CHARACTERS = 0.5;

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
  const words = text.split(/\s+/).filter((word) => word !== '');
  const total = words.reduce((sum, word) => sum + word.length + WORD_CHARACTERS, 0);
  let reached = 0;
  const heard = words.filter((word) => {
    reached += word.length + WORD_CHARACTERS;
    return reached <= total * share + SLACK_CHARACTERS;
  });
  return heard.join(' ');
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
  const voicedMs = clock.voicedMs();
  // Cut off while it was still being synthesized: how long it would have become can only be guessed.
  const totalMs = whole ? voicedMs : Math.max(voicedMs, text.length * TYPICAL_MS_PER_CHARACTER);
  return totalMs === 0 ? '' : wordsWithin(text, clock.voicedMs(heardMs) / totalMs);
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
  return text.split(/\s+/).filter((word) => word !== '').length;
}
