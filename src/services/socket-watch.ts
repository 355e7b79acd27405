import { fault } from '../error-classification/classify.ts';
import type { ServiceSocket } from './service-socket.ts';

export interface SocketWatchOptions {
  socket: ServiceSocket;
  /** Without a sign of life for so long, the connection is dead. Milliseconds. */
  stallMs: number;
  /** The shortest limit that `onBeat` watches. Milliseconds. */
  shortestMs: number;
  /** More than this waiting to be sent means that nobody takes it any more. */
  maxBacklogBytes: number;
  onStall: (error: Error) => void;
  /** Twice within the shortest limit. */
  onBeat: (now: number) => void;
}

/** One beat watches everything that can go quiet on a connection. It ends with `stop`. */
export function watchSocket({ socket, stallMs, shortestMs, maxBacklogBytes, onStall, onBeat }: SocketWatchOptions): { stop(): void } {
  const beatMs = Math.min(stallMs, shortestMs) / 2;
  let lastBeatAt = performance.now();
  const beat = setInterval(() => {
    const now = performance.now();
    const slept = now - lastBeatAt > 2 * beatMs;
    lastBeatAt = now;
    socket.ping();
    // This process did not run for a while: what came meanwhile has not been read yet.
    if (slept) return;
    if (now - socket.lastHeardAt > stallMs) onStall(fault('stream-stalled', `no sign of life for ${stallMs} ms`));
    else if (socket.backlog > maxBacklogBytes) onStall(fault('upload-stalled', 'the service takes no more audio'));
    else onBeat(now);
  }, beatMs);
  return { stop: () => clearInterval(beat) };
}
