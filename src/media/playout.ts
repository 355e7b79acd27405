import { BYTES_PER_SAMPLE, bytesPerFrame, bytesToMs, FRAME_MS } from './frames.ts';
import type { Utterance } from './media-leg.ts';
import { createPlayoutClock } from './playout-clock.ts';

/** Audio handed to Asterisk and not heard yet. Asterisk asks to stop at 18 s and silently drops what passes 20 s; half of that is ample. */
const MAX_AHEAD_MS = 10_000;
/** Between two marks what was heard is reckoned by the clock, so this bounds how wrong that can be. */
const MARK_EVERY_MS = 100;

/** The far side: it plays what it gets in real time and reports each mark when everything before it was played. */
export interface PlayoutSink {
  /** Before the first audio of an utterance. */
  startBuffering(): void;
  /** Whole frames, at most 100 ms. */
  audio(pcm: Buffer): void;
  mark(mark: string): void;
  /** After the last audio of an utterance; a mark as well. */
  stopBuffering(mark: string): void;
  /** Forget what wasn't played; marks in it will not be reported. */
  flush(): void;
  /** Play nothing, and keep it. */
  pause(): void;
  /** Go on where it was paused. */
  resume(): void;
}

export interface Playout {
  speak(): Utterance;
  flush(): void;
  pause(): void;
  resume(): void;
  readonly speaking: boolean;
  /** The oldest mark that wasn't reported yet. When it stays the same for seconds, the far side plays nothing. None while paused. */
  readonly awaitedMark: string | undefined;
  markReached(mark: string): void;
  /** Sends nothing from here on until `release`: the far side has no room. */
  hold(): void;
  release(): void;
  /** The leg is gone: settles everything. */
  end(): void;
}

export interface PlayoutOptions {
  sampleRate: number;
  sink: PlayoutSink;
  /** Gets what was heard, in order, as soon as it is known. */
  onPlayed: (pcm: Buffer) => void;
  /** Milliseconds of a clock that never goes back. */
  now?: () => number;
}

interface Entry {
  pending: Buffer[];
  pendingBytes: number;
  /** Written by the speaker so far. */
  writtenBytes: number;
  /** Where it begins in all audio ever sent; set with its first frame. */
  sentFrom: number | undefined;
  /** No more writes. */
  ended: boolean;
  /** Everything was handed over. */
  stopped: boolean;
  settled: { heardMs: number; complete: boolean } | undefined;
  settle: (result: { heardMs: number; complete: boolean }) => void;
}

/** The book-keeping of one leg's speech: who may send how much, and what of it was heard. */
export function createPlayout({ sampleRate, sink, onPlayed, now = () => performance.now() }: PlayoutOptions): Playout {
  const frameBytes = bytesPerFrame(sampleRate);
  const maxAheadBytes = (MAX_AHEAD_MS / FRAME_MS) * frameBytes;
  const markEveryBytes = (MARK_EVERY_MS / FRAME_MS) * frameBytes;
  /** Its tags are the utterances that end with the mark. */
  const clock = createPlayoutClock<Entry>(frameBytes, () => (pausedAt ?? now()) - pausedMs);
  /** In speaking order, until settled. */
  let entries: Entry[] = [];
  /** Sent, and not yet reported as played. */
  let unreported: Buffer[] = [];
  let writers: { until: number; resolve: () => void }[] = [];
  let onHold = false;
  let over = false;
  let pausedAt: number | undefined;
  /** In all, until the last `resume`. */
  let pausedMs = 0;

  const pendingBytes = () => entries.reduce((sum, entry) => sum + entry.pendingBytes, 0);

  function heardMsOf(entry: Entry, position: number): number {
    if (entry.sentFrom === undefined) return 0;
    const bytes = Math.min(Math.max(0, position - entry.sentFrom), entry.writtenBytes);
    return Math.round(bytesToMs(bytes, sampleRate));
  }

  function settle(entry: Entry, position: number, complete: boolean): void {
    if (entry.settled) return;
    entry.settled = { heardMs: heardMsOf(entry, position), complete };
    entry.ended = true;
    entry.pending = [];
    entry.pendingBytes = 0;
    entries = entries.filter((other) => other !== entry);
    entry.settle(entry.settled);
  }

  function sendAudio(entry: Entry, bytes: number): void {
    if (entry.sentFrom === undefined) {
      entry.sentFrom = clock.sent;
      sink.startBuffering();
    }
    const pcm = takeFront(entry, bytes);
    sink.audio(pcm);
    unreported.push(pcm);
    clock.addSent(bytes);
  }

  function stop(entry: Entry): void {
    entry.stopped = true;
    if (entry.sentFrom !== undefined) sink.stopBuffering(clock.mark(entry));
    // Without a sound: it ends when those before it have ended.
    else if (clock.awaitedMark !== undefined) sink.mark(clock.mark(entry));
    else settle(entry, clock.sent, true);
  }

  /** False when there is nothing to send, or no room. */
  function sendNext(): boolean {
    const entry = entries.find((candidate) => !candidate.stopped);
    if (!entry || onHold || over) return false;
    if (entry.ended) padLastFrame(entry, frameBytes);
    const ready = entry.pendingBytes - (entry.pendingBytes % frameBytes);
    const room = maxAheadBytes - (clock.sent - clock.heardForSure);
    const bytes = Math.min(ready, room, markEveryBytes);
    if (bytes > 0) sendAudio(entry, bytes);
    const stops = entry.ended && entry.pendingBytes === 0;
    if (stops) stop(entry);
    else if (bytes > 0) sink.mark(clock.mark());
    return stops || bytes > 0;
  }

  function pump(): void {
    while (sendNext());
  }

  function reportUpTo(position: number): void {
    let bytes = unreported.reduce((sum, piece) => sum + piece.length, 0) - (clock.sent - position);
    while (bytes > 0) {
      const piece = unreported.shift();
      if (!piece) return;
      if (piece.length > bytes) unreported.unshift(piece.subarray(bytes));
      onPlayed(piece.subarray(0, bytes));
      bytes -= piece.length;
    }
  }

  function markReached(mark: string): void {
    const ends = clock.reached(mark);
    if (!ends) return;
    reportUpTo(clock.heardForSure);
    for (const entry of ends) settle(entry, clock.heardForSure, true);
    const free = writers.filter((writer) => writer.until <= clock.heardForSure);
    writers = writers.filter((writer) => writer.until > clock.heardForSure);
    for (const writer of free) writer.resolve();
    pump();
  }

  /** Settles everything with what was heard until now. */
  function drop(): void {
    const position = clock.heard();
    reportUpTo(position);
    unreported = [];
    clock.flush();
    for (const entry of entries) settle(entry, position, false);
    for (const writer of writers) writer.resolve();
    writers = [];
  }

  async function write(entry: Entry, pcm: Buffer): Promise<void> {
    if (entry.ended || pcm.length === 0) return;
    entry.pending.push(pcm);
    entry.pendingBytes += pcm.length;
    entry.writtenBytes += pcm.length;
    pump();
    const until = clock.sent + pendingBytes() - maxAheadBytes;
    if (until > clock.heardForSure) await new Promise<void>((resolve) => writers.push({ until, resolve }));
  }

  function speak(): Utterance {
    const played = Promise.withResolvers<{ heardMs: number; complete: boolean }>();
    const entry = newEntry(played.resolve);
    if (over) settle(entry, 0, false);
    else entries.push(entry);
    return {
      write: (pcm) => write(entry, pcm),
      end() {
        entry.ended = true;
        pump();
      },
      get heardMs() {
        return entry.settled?.heardMs ?? heardMsOf(entry, clock.heard());
      },
      played: played.promise,
    };
  }

  function endPause(): void {
    if (pausedAt === undefined) return;
    pausedMs += now() - pausedAt;
    pausedAt = undefined;
    if (!over) sink.resume();
  }

  return {
    speak,
    markReached,
    pause() {
      if (pausedAt !== undefined || over) return;
      pausedAt = now();
      sink.pause();
    },
    resume: endPause,
    flush() {
      // What was opened at the far side must be closed there, even when all of its audio was heard.
      const opened = entries.some((entry) => entry.sentFrom !== undefined) || clock.awaitedMark !== undefined;
      if (opened && !over) sink.flush();
      drop();
      endPause();
    },
    get speaking() {
      return clock.sent > clock.heardForSure || pendingBytes() > 0;
    },
    get awaitedMark() {
      return pausedAt === undefined ? clock.awaitedMark : undefined;
    },
    hold() {
      onHold = true;
    },
    release() {
      onHold = false;
      pump();
    },
    end() {
      if (over) return;
      over = true;
      drop();
    },
  };
}

function newEntry(onSettled: Entry['settle']): Entry {
  return {
    pending: [],
    pendingBytes: 0,
    writtenBytes: 0,
    sentFrom: undefined,
    ended: false,
    stopped: false,
    settled: undefined,
    settle: onSettled,
  };
}

function takeFront(entry: Entry, bytes: number): Buffer {
  const [first] = entry.pending;
  const all = entry.pending.length === 1 && first ? first : Buffer.concat(entry.pending);
  entry.pending = bytes < all.length ? [all.subarray(bytes)] : [];
  entry.pendingBytes = all.length - bytes;
  return all.subarray(0, bytes);
}

/** Fills the last frame with silence, so that only whole frames travel. An odd byte at the end is half a sample: it goes. */
function padLastFrame(entry: Entry, frameBytes: number): void {
  const stray = entry.pendingBytes % frameBytes;
  if (stray === 0) return;
  const padded = Buffer.alloc(entry.pendingBytes - stray + frameBytes);
  Buffer.concat(entry.pending).copy(padded, 0, 0, entry.pendingBytes - (stray % BYTES_PER_SAMPLE));
  entry.pending = [padded];
  entry.pendingBytes = padded.length;
}
