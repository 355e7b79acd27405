import type { MediaLeg } from '../media/media-leg.ts';
import type { Ear } from './listening.ts';
import { machineWords } from './machine-phrases.ts';
import { createToneEar, type SteadyTone } from './steady-tone.ts';
import { whenAborted } from './when-aborted.ts';

/** What answers a phone besides people. Silence is found by the dialogue itself. */
export type Machine = 'voicemail' | 'screening' | 'ivr' | 'fax';

/** What was heard of whoever answered, since the answer. */
export interface FirstSounds {
  text: string;
  /** The longest stretch without a pause. Milliseconds. */
  unbrokenMs: number;
  /** All of their speech, pauses left out. Milliseconds. */
  speechMs: number;
  tones: HeardTone[];
}

export interface HeardTone extends SteadyTone {
  /** How much had been said before it. Milliseconds of speech. */
  afterSpeechMs: number;
  /** From the last word before it. Milliseconds. */
  gapMs: number;
}

/** People greet in less: a company's long "Good morning, … how may I help you?" takes 5 s. Milliseconds, the detector's hang-over included. */
const LONG_MS = 6_500;
/** Nobody picks up a phone and talks for so long without a breath. Milliseconds. */
const ENDLESS_MS = 14_000;
/** A greeting before a beep: more than a "Hello?" (about 400 ms). Milliseconds. */
const GREETING_BEFORE_BEEP_MS = 900;
/** A beep follows its greeting; a microwave oven doesn't wait for one. Milliseconds. */
const BEEP_GAP_MS = 4_000;
/** Tones of a fax: the calling one (T.30: 1,100 Hz, half a second) and the answering one (2,100 Hz, about 3 s). */
const FAX_CALLING = { hz: 1_100, tolerance: 38, ms: 400 };
const FAX_ANSWERING = { hz: 2_100, tolerance: 40, ms: 900 };
/** A fax doesn't say hello. Milliseconds of speech before its tone; a detector may take its beginning for some. */
const FAX_SPEECH_MS = 700;

/** The verdict on what was heard so far; undefined while it may be a person. A pure function. */
export function answeredBy({ text, unbrokenMs, speechMs, tones }: FirstSounds): Machine | undefined {
  if (tones.some(isFax)) return 'fax';
  const words = machineWords(text);
  if (words !== undefined && words !== 'maybe-voicemail') return words;
  if (words === 'maybe-voicemail' && unbrokenMs >= LONG_MS) return 'voicemail';
  if (tones.some((tone) => tone.afterSpeechMs >= GREETING_BEFORE_BEEP_MS && tone.gapMs <= BEEP_GAP_MS)) return 'voicemail';
  return unbrokenMs >= ENDLESS_MS && speechMs >= ENDLESS_MS ? 'voicemail' : undefined;
}

function isFax(tone: HeardTone): boolean {
  return [FAX_CALLING, FAX_ANSWERING].some(
    ({ hz, tolerance, ms }) => Math.abs(tone.hz - hz) <= tolerance && tone.ms >= ms && tone.afterSpeechMs <= FAX_SPEECH_MS,
  );
}

/** A pause shorter than this belongs to the stretch: machines breathe between sentences, people wait for an answer. Milliseconds, after the detector's own. */
const BREATH_MS = 500;
const FRAME_MS = 20;
/** So long a tone may sound like speech before it is known to be steady. */
const UNDECIDED_FRAMES = 8;
/** So much of the text is kept; a greeting is shorter. */
const MAX_CHARACTERS = 2_000;

export interface AnswerWatchOptions {
  ear: Ear;
  leg: Pick<MediaLeg, 'onFrame' | 'sampleRate'>;
  /** No verdict once this is true: the talk is well under way, and people speak of mailboxes too. */
  settled: () => boolean;
  /** Ends the watch. */
  signal: AbortSignal;
}

/** Finds out who or what answered while we already speak. */
export interface AnswerWatch {
  readonly machine: Machine | undefined;
  /** Aborts when it is known to be a machine. */
  readonly signal: AbortSignal;
  /** How long ago the last beep ended, in milliseconds of the callee's audio; undefined when there was none, or one is sounding. */
  readonly beepEndedMsAgo: number | undefined;
  /** How long the callee's line has been quiet, in milliseconds of audio. */
  readonly quietMs: number;
  /** Called with every frame, after it was listened to. */
  onFrame(listener: () => void): () => void;
  /** Forgets what it knows, and judges no more. */
  dismiss(): void;
}

/** Subscribe after the ear has started: it hears each frame first. */
export function watchAnswer({ ear, leg, settled, signal }: AnswerWatchOptions): AnswerWatch {
  const verdict = new AbortController();
  const listeners = new Set<() => void>();
  const toneEar = createToneEar(leg.sampleRate);
  const heard = { texts: [] as string[], speechMs: 0, stretchMs: 0, unbrokenMs: 0, tones: [] as HeardTone[] };
  let machine: Machine | undefined;
  let dismissed = false;
  let quietMs = 0;
  let undecided: boolean[] = [];
  let toneRings = false;
  let sinceBeepMs: number | undefined;

  function judge(): void {
    if (machine !== undefined || dismissed || settled()) return;
    const text = heard.texts.join(' ').slice(-MAX_CHARACTERS);
    machine = answeredBy({ text, unbrokenMs: heard.unbrokenMs, speechMs: heard.speechMs, tones: heard.tones });
    if (machine !== undefined) verdict.abort(new Error(`answered by ${machine}`));
  }

  function onWords(text: string): void {
    // Transcripts grow and are corrected: the later one of the same beginning takes the place of the earlier one.
    const last = heard.texts.at(-1);
    if (last !== undefined && text.slice(0, 8) === last.slice(0, 8)) heard.texts[heard.texts.length - 1] = text;
    else heard.texts.push(text);
    judge();
  }

  function onSpeechFrame(speaking: boolean): void {
    if (!speaking) {
      quietMs += FRAME_MS;
      return;
    }
    if (quietMs >= BREATH_MS) heard.stretchMs = 0;
    heard.speechMs += FRAME_MS;
    heard.stretchMs += FRAME_MS + (heard.stretchMs === 0 ? 0 : quietMs);
    quietMs = 0;
    heard.unbrokenMs = Math.max(heard.unbrokenMs, heard.stretchMs);
  }

  /** A tone is sound to the detector, from its first frame to some time after its last: none of that is speech. */
  function onTone(ended: SteadyTone | undefined): void {
    if (toneEar.sounding !== undefined) {
      undecided = [];
      toneRings = true;
      sinceBeepMs = undefined;
    } else if (!ear.speaking) toneRings = false;
    if (ended === undefined) return;
    heard.tones.push({ ...ended, afterSpeechMs: heard.speechMs, gapMs: quietMs });
    sinceBeepMs = 0;
    judge();
  }

  function onFrame(frame: Buffer): void {
    if (sinceBeepMs !== undefined) sinceBeepMs += FRAME_MS;
    onTone(toneEar.push(frame));
    undecided.push(ear.speaking && !toneRings);
    if (undecided.length > UNDECIDED_FRAMES) onSpeechFrame(undecided.shift() ?? false);
    if (heard.unbrokenMs >= LONG_MS) judge();
    for (const listener of [...listeners]) listener();
  }

  const stops = [leg.onFrame(onFrame), ear.onSound((sound) => sound.kind === 'words' && onWords(sound.text))];
  const stop = () => {
    for (const end of stops.splice(0)) end();
    listeners.clear();
  };
  whenAborted(signal, stop);

  return {
    get machine() {
      return machine;
    },
    signal: verdict.signal,
    get beepEndedMsAgo() {
      return sinceBeepMs;
    },
    get quietMs() {
      return quietMs;
    },
    onFrame(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    dismiss() {
      dismissed = true;
      machine = undefined;
    },
  };
}
