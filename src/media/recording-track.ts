import { BYTES_PER_SAMPLE } from './frames.ts';

/** Network and timer jitter; what is later than this is a pause, not a wobble. */
const JITTER_MS = 100;
/** So long pieces that follow each other are kept together before their place is decided: where a stall held some up, those after it tell. */
const RUN_MS = 1_000;
/** A far side that sends faster than time passes is cut off here. */
const MAX_LEAD_MS = 1_000;

/**
 * Puts audio that arrives just after it was heard on a time line. Audio carries no time stamps, so no piece can have
 * been heard after it arrived; of pieces that follow each other without a pause, the one that was held up least tells when all of them were. Positions are samples since the recording began.
 */
export interface RecordingTrack {
  /** `atMs`: when it arrived, milliseconds since the recording began. */
  push(pcm: Buffer, atMs: number): void;
  /** Places what arrived, unless what comes next may tell better where it belongs. */
  place(nowMs: number): void;
  /** The first sample after all that was placed. */
  readonly end: number;
  /** The first sample that wasn't taken yet; infinite when there is none. */
  readonly first: number;
  /** Moves the samples of `from` (included) to `to` into every second place of `stereo`, beginning at `channel`. */
  take(stereo: Int16Array, from: number, to: number, channel: 0 | 1): void;
  /** Nothing will be placed before `position` any more: that part of the file is written. */
  settle(position: number): void;
}

export function createRecordingTrack(sampleRate: number): RecordingTrack {
  const toSamples = (ms: number) => Math.round((ms / 1000) * sampleRate);
  let placed: { at: number; samples: Int16Array }[] = [];
  let run: Buffer[] = [];
  let runSamples = 0;
  let runFromMs = 0;
  let runToMs = 0;
  /** The latest moment at which the run can have begun, in samples. */
  let runStart = 0;
  let end = 0;

  function placeRun(): void {
    const samples = toSamplesOf(run);
    run = [];
    runSamples = 0;
    if (samples.length === 0) return;
    if (runStart - end > toSamples(JITTER_MS)) end = runStart;
    const room = toSamples(runToMs + MAX_LEAD_MS) - end;
    if (room <= 0) return;
    const fitting = samples.subarray(0, room);
    placed.push({ at: end, samples: fitting });
    end += fitting.length;
  }

  function place(nowMs: number): void {
    if (run.length > 0 && (nowMs - runToMs > JITTER_MS || nowMs - runFromMs > RUN_MS)) placeRun();
  }

  return {
    push(pcm, atMs) {
      place(atMs);
      if (run.length === 0) {
        runFromMs = atMs;
        runStart = Number.POSITIVE_INFINITY;
      }
      run.push(pcm);
      runSamples += Math.floor(pcm.length / BYTES_PER_SAMPLE);
      runStart = Math.min(runStart, toSamples(atMs) - runSamples);
      runToMs = atMs;
    },
    place,
    get end() {
      return end;
    },
    get first() {
      return placed[0]?.at ?? Number.POSITIVE_INFINITY;
    },
    take(stereo, from, to, channel) {
      const rest: typeof placed = [];
      for (const { at, samples } of placed) {
        const stop = Math.min(at + samples.length, to);
        for (let position = at; position < stop; position++) stereo[(position - from) * 2 + channel] = samples[position - at] ?? 0;
        const left = samples.subarray(Math.max(0, to - at));
        if (left.length > 0) rest.push({ at: Math.max(at, to), samples: left });
      }
      placed = rest;
    },
    settle(position) {
      end = Math.max(end, position);
    },
  };
}

/** Copies, because a Buffer may begin at an odd address. Little-endian machines only, as Node's platforms are but for s390x. */
function toSamplesOf(pieces: Buffer[]): Int16Array {
  const bytes = Buffer.concat(pieces);
  const samples = new Int16Array(Math.floor(bytes.length / BYTES_PER_SAMPLE));
  bytes.copy(new Uint8Array(samples.buffer));
  return samples;
}
