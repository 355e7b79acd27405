import { createByteFifo } from './byte-fifo.ts';
import { bytesPerFrame, FRAME_MS } from './frames.ts';
import type { Utterance } from './media-leg.ts';
import { createPlayoutClock } from './playout-clock.ts';
import { createPlayoutEntry, type PlayoutEntry } from './playout-entry.ts';

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

/** The book-keeping of one leg's speech: who may send how much, and what of it was heard. */
export function createPlayout({ sampleRate, sink, onPlayed, now = () => performance.now() }: PlayoutOptions): Playout {
  const frameBytes = bytesPerFrame(sampleRate);
  const maxAheadBytes = (MAX_AHEAD_MS / FRAME_MS) * frameBytes;
  const markEveryBytes = (MARK_EVERY_MS / FRAME_MS) * frameBytes;
  /** Its tags are the utterances that end with the mark. */
  const clock = createPlayoutClock<PlayoutEntry>(frameBytes, () => (pausedAt ?? now()) - pausedMs);
  /** In speaking order, until settled. */
  let entries: PlayoutEntry[] = [];
  /** Sent, and not yet reported as played. */
  const unreported = createByteFifo();
  let writers: { until: number; resolve: () => void }[] = [];
  let onHold = false;
  let over = false;
  let pausedAt: number | undefined;
  /** In all, until the last `resume`. */
  let pausedMs = 0;

  const pendingBytes = () => entries.reduce((sum, entry) => sum + entry.waiting, 0);

  function settle(entry: PlayoutEntry, position: number, complete: boolean): void {
    entry.settle(position, complete);
    entries = entries.filter((other) => other !== entry);
  }

  function sendAudio(entry: PlayoutEntry, bytes: number): void {
    if (!entry.begun) sink.startBuffering();
    const pcm = entry.send(bytes, clock.sent);
    sink.audio(pcm);
    unreported.push(pcm);
    clock.addSent(bytes);
  }

  function stop(entry: PlayoutEntry): void {
    entry.stopped = true;
    if (entry.begun) sink.stopBuffering(clock.mark(entry));
    // Without a sound: it ends when those before it have ended.
    else if (clock.awaitedMark !== undefined) sink.mark(clock.mark(entry));
    else settle(entry, clock.sent, true);
  }

  /** False when there is nothing to send, or no room. */
  function sendNext(): boolean {
    const entry = entries.find((candidate) => !candidate.stopped);
    if (!entry || onHold || over) return false;
    const room = maxAheadBytes - (clock.sent - clock.heardForSure);
    const bytes = Math.min(entry.ready(), room, markEveryBytes);
    if (bytes > 0) sendAudio(entry, bytes);
    const stops = entry.ended && entry.waiting === 0;
    if (stops) stop(entry);
    else if (bytes > 0) sink.mark(clock.mark());
    return stops || bytes > 0;
  }

  function pump(): void {
    while (sendNext());
  }

  function reportUpTo(position: number): void {
    const bytes = unreported.length - (clock.sent - position);
    if (bytes > 0) onPlayed(unreported.take(bytes));
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
    unreported.clear();
    clock.flush();
    for (const entry of entries) settle(entry, position, false);
    for (const writer of writers) writer.resolve();
    writers = [];
  }

  async function write(entry: PlayoutEntry, pcm: Buffer): Promise<void> {
    if (entry.ended || pcm.length === 0) return;
    entry.write(pcm);
    pump();
    const until = clock.sent + pendingBytes() - maxAheadBytes;
    if (until > clock.heardForSure) await new Promise<void>((resolve) => writers.push({ until, resolve }));
  }

  function speak(): Utterance {
    const entry = createPlayoutEntry(sampleRate);
    if (over) settle(entry, 0, false);
    else entries.push(entry);
    return {
      write: (pcm) => write(entry, pcm),
      end() {
        entry.end();
        pump();
      },
      get heardMs() {
        return entry.heardMs(clock.heard());
      },
      played: entry.played,
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
      const opened = entries.some((entry) => entry.begun) || clock.awaitedMark !== undefined;
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
