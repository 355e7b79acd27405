import type { HeardWord, Listener } from './voice.ts';

/** A recording of real speech, and what it says. */
export interface KnownRecording {
  /** PCM, signed 16-bit little-endian, mono. */
  pcm: Buffer;
  sampleRate: number;
  text: string;
}

/** Loudness is taken in steps of this. Milliseconds. */
const STEP_MS = 10;
/** A recording is known by how loud its first second is, step by step, counted from where it becomes loud. */
const FINGERPRINT_STEPS = 100;
/** Mean square of what is loud: about -36 dBFS. */
const LOUD = 500 ** 2;
/** How alike two fingerprints must be: 1 is the same, also when one is quieter. */
const ALIKE = 0.985;

interface Fingerprint {
  shape: number[];
  words: string[];
  /** When each word has ended, in steps from where the recording becomes loud. */
  endSteps: number[];
}

/** Understands recordings that it knows by their sound, word by word while they are heard; anything else is noise to it. */
export function createRecordingListener(recordings: readonly KnownRecording[], sampleRate: number): Listener {
  const known = recordings.filter(({ text }) => text !== '').map(fingerprintOf);
  const meter = createMeter(sampleRate);
  let recent: number[] = [];
  let steps = 0;
  let playing: { recording: Fingerprint; startStep: number; said: number } | undefined;

  function take(level: number): HeardWord[] {
    steps++;
    recent = [...recent.slice(1 - FINGERPRINT_STEPS), level];
    if (playing === undefined && recent.length === FINGERPRINT_STEPS && (recent[0] ?? 0) > Math.log(LOUD)) {
      const found = bestOf(known, recent);
      if (found !== undefined) playing = { recording: found, startStep: steps - FINGERPRINT_STEPS, said: 0 };
    }
    return playing === undefined ? [] : speak(playing);
  }

  function speak(now: { recording: Fingerprint; startStep: number; said: number }): HeardWord[] {
    const { words, endSteps } = now.recording;
    const heard: HeardWord[] = [];
    while (now.said < words.length && (endSteps[now.said] ?? 0) <= steps - now.startStep) {
      const startMs = (now.startStep + (endSteps[now.said - 1] ?? 0)) * STEP_MS;
      heard.push({ text: words[now.said] ?? '', startMs, endMs: (now.startStep + (endSteps[now.said] ?? 0)) * STEP_MS });
      now.said++;
    }
    if (now.said === words.length) {
      playing = undefined;
      // Its last sounds are not the beginning of another one.
      recent = [];
    }
    return heard;
  }

  return {
    push: (pcm) => meter(pcm).flatMap(take),
    flush: () => [],
  };
}

function fingerprintOf({ pcm, sampleRate, text }: KnownRecording): Fingerprint {
  // Silence follows: a "Hello?" is shorter than its fingerprint.
  const levels = createMeter(sampleRate)(Buffer.concat([pcm, Buffer.alloc(sampleRate * 2)]));
  const from = Math.max(
    0,
    levels.findIndex((level) => level > Math.log(LOUD)),
  );
  const to = levels.findLastIndex((level) => level > Math.log(LOUD)) + 1;
  const shape = Array.from({ length: FINGERPRINT_STEPS }, (_, i) => levels[from + i] ?? 0);
  const words = text.split(/\s+/);
  const letters = words.reduce((sum, word) => sum + word.length + 1, 0);
  let reached = 0;
  const endSteps = words.map((word) => {
    reached += word.length + 1;
    return Math.round(((to - from) * reached) / letters);
  });
  return { shape, words, endSteps };
}

/** Cuts sound of any size into steps, and tells the logarithm of each one's energy. */
function createMeter(sampleRate: number): (pcm: Buffer) => number[] {
  const stepBytes = (sampleRate / 1_000) * STEP_MS * 2;
  let rest = Buffer.alloc(0);
  return (pcm) => {
    const levels: number[] = [];
    const bytes = Buffer.concat([rest, pcm]);
    let at = 0;
    for (; at + stepBytes <= bytes.length; at += stepBytes) {
      let energy = 0;
      for (let i = at; i < at + stepBytes; i += 2) energy += bytes.readInt16LE(i) ** 2;
      levels.push(Math.log(1 + energy / (stepBytes / 2)));
    }
    rest = Buffer.from(bytes.subarray(at));
    return levels;
  };
}

function bestOf(known: readonly Fingerprint[], heard: readonly number[]): Fingerprint | undefined {
  let best: { recording: Fingerprint; likeness: number } | undefined;
  for (const recording of known) {
    const likeness = correlation(recording.shape, heard);
    if (likeness >= ALIKE && likeness > (best?.likeness ?? 0)) best = { recording, likeness };
  }
  return best?.recording;
}

function correlation(a: readonly number[], b: readonly number[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanA, meanB] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  for (const [i, value] of a.entries()) {
    const [x, y] = [value - meanA, (b[i] ?? 0) - meanB];
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return aa * bb === 0 ? 0 : ab / Math.sqrt(aa * bb);
}
