import type { WebSocket } from 'ws';

/** Three of these without a sign of life and the socket counts as half-open: noticed within 10 s. */
const PING_EVERY_MS = 2_500;
const MISSED_PINGS = 3;
/** Pings for which one and the same mark may stay unreached. Marks are 100 ms apart: Asterisk lives, but plays nothing. */
const STALLED_PINGS = 4;

export interface LifeOptions {
  socket: WebSocket;
  pingEveryMs?: number | undefined;
  /** The oldest mark that the far side owes us. */
  awaitedMark: () => string | undefined;
  onSilent: (ms: number) => void;
  onStalled: (ms: number) => void;
}

/** Watches that the far side answers, and that it plays. Counts pings, not time: after a stall of our own event loop time would accuse the innocent. */
export function watchLife(options: LifeOptions): { alive(): void; stop(): void } {
  const { socket, pingEveryMs = PING_EVERY_MS, awaitedMark, onSilent, onStalled } = options;
  let missed = 0;
  let stalled = 0;
  let lastAwaited: string | undefined;

  const timer = setInterval(() => {
    // Still connecting, or already on its way out: other limits hold.
    if (socket.readyState !== socket.OPEN) return;
    if (missed >= MISSED_PINGS) return onSilent(missed * pingEveryMs);
    const awaited = awaitedMark();
    stalled = awaited !== undefined && awaited === lastAwaited ? stalled + 1 : 0;
    lastAwaited = awaited;
    if (stalled >= STALLED_PINGS) return onStalled(stalled * pingEveryMs);
    missed += 1;
    socket.ping(undefined, undefined, () => {});
  }, pingEveryMs);

  return {
    alive() {
      missed = 0;
    },
    stop() {
      clearInterval(timer);
    },
  };
}
