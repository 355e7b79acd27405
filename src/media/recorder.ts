import { BYTES_PER_SAMPLE } from './frames.ts';
import { createRecordingTrack, type RecordingTrack } from './recording-track.ts';
import { createWavFile } from './wav-file.ts';

/** Audio goes to disk this often. */
const WRITE_EVERY_MS = 500;
/** What we said is known 100 ms after it was heard, or later when the event loop is busy; so long the file waits for it. A killed process loses this much. */
const SETTLE_MS = 2_000;
/** What arrives within this belongs to the first burst. */
const BURST_MS = 5;
/** A far side that sends without end from its first moment on is no longer waited for. Pieces, mostly of 20 ms. */
const FIRST_BURST_PIECES = 500;

export interface Recorder {
  /** What the callee said: for `leg.onFrame`. */
  callee(frame: Buffer): void;
  /** What the callee heard of us: for `leg.onPlayed`. */
  agent(pcm: Buffer): void;
  /** Writes the rest. Never rejects: `error` says why the file ends early (a full disk must not end a call). Idempotent. */
  close(): Promise<{ durationMs: number; error?: Error }>;
}

export interface RecorderOptions {
  /** Its folders are made. */
  path: string;
  sampleRate: number;
  /** Milliseconds of a clock that never goes back. */
  now?: () => number;
  /** Goes on with a file that was begun then, on the same clock; what was said in between is missing. */
  beganAt?: number | undefined;
  /** The first sound: the time line begins here. Told again when it turns out to be older, because a stall held it up. */
  onBegan?: ((at: number) => void) | undefined;
}

/**
 * Records a call as a stereo WAV: the agent on channel 1 (left), the callee on channel 2 (right), on one time line that begins with the first sound.
 * Streams to disk in flat memory; the file of a killed process can be played.
 */
export function createRecorder(options: RecorderOptions): Recorder {
  const { path, sampleRate, now = () => performance.now(), onBegan = () => {} } = options;
  const agent = createRecordingTrack(sampleRate);
  const callee = createRecordingTrack(sampleRate);
  const file = createWavFile(path, sampleRate, { goOn: options.beganAt !== undefined });
  const toSamples = (ms: number) => Math.round((ms / 1000) * sampleRate);
  let { beganAt } = options;
  const firstBurst: { track: RecordingTrack; pcm: Buffer; at: number }[] = [];
  let done = beganAt === undefined ? 0 : toSamples(now() - beganAt);
  let closing: Promise<{ durationMs: number; error?: Error }> | undefined;

  /** Writes what stands before sample `to`. */
  function writeUpTo(to: number): void {
    for (let from = Math.min(agent.first, callee.first); from < to; from = Math.min(agent.first, callee.first)) {
      const until = Math.min(to, from + sampleRate);
      const stereo = new Int16Array((until - from) * 2);
      agent.take(stereo, from, until, 0);
      callee.take(stereo, from, until, 1);
      file.write(stereo, from);
    }
    agent.settle(to);
    callee.settle(to);
    done = to;
  }

  function push(track: RecordingTrack, pcm: Buffer): void {
    if (closing) return;
    const at = now();
    if (beganAt === undefined) {
      const last = firstBurst.at(-1);
      if (last === undefined || (at - last.at <= BURST_MS && firstBurst.length < FIRST_BURST_PIECES)) {
        firstBurst.push({ track, pcm, at });
        if (last === undefined) onBegan(firstSoundAt());
        return;
      }
    }
    record(track, pcm, at - (beganAt ?? begin()));
  }

  /** What a stall held up comes at once: how long the first burst is tells when its first sound was. */
  function firstSoundAt(): number {
    const firstSoundOf = (track: RecordingTrack) => {
      const pieces = firstBurst.filter((piece) => piece.track === track);
      const samples = pieces.reduce((sum, { pcm }) => sum + pcm.length / BYTES_PER_SAMPLE, 0);
      return (pieces.at(-1)?.at ?? Number.POSITIVE_INFINITY) - (samples / sampleRate) * 1000;
    };
    return Math.min(firstSoundOf(agent), firstSoundOf(callee));
  }

  function begin(): number {
    const began = firstSoundAt();
    beganAt = began;
    onBegan(began);
    for (const { track, pcm, at } of firstBurst.splice(0)) record(track, pcm, at - began);
    return began;
  }

  function record(track: RecordingTrack, pcm: Buffer, atMs: number): void {
    track.push(pcm, atMs);
    const settled = toSamples(atMs - SETTLE_MS);
    if (settled - done < toSamples(WRITE_EVERY_MS)) return;
    agent.place(atMs);
    callee.place(atMs);
    writeUpTo(settled);
  }

  async function finish(): Promise<{ durationMs: number; error?: Error }> {
    if (firstBurst.length > 0) begin();
    agent.place(Number.POSITIVE_INFINITY);
    callee.place(Number.POSITIVE_INFINITY);
    const end = Math.max(agent.end, callee.end);
    writeUpTo(end);
    const error = await file.close();
    const durationMs = Math.round((end / sampleRate) * 1000);
    return error ? { durationMs, error } : { durationMs };
  }

  agent.settle(done);
  callee.settle(done);

  return {
    agent: (pcm) => push(agent, pcm),
    callee: (frame) => push(callee, frame),
    close() {
      closing ??= finish();
      return closing;
    },
  };
}
