import { BYTES_PER_SAMPLE, createFrameCutter, FRAME_MS } from './frames.ts';

/** After a stall of our event loop the callee's audio arrives all at once; more than this would only delay every answer. */
const MAX_BACKLOG_MS = 1_000;

export interface Inbound {
  /** One message of audio as it came from the network. */
  push(pcm: Buffer): void;
  /** Hands over what is waiting and stops. */
  end(): void;
}

/**
 * So many times faster than real time a peer may be, once its backlog is used up: clocks differ by far less, and every frame costs work that other calls need.
 */
const MAX_SPEED = 1.1;

/**
 * Cuts the callee's audio into frames and hands them over, dropping the oldest when too many arrive at once.
 * `now`: milliseconds of a clock that never goes back.
 */
export function createInbound(frameBytes: number, onFrame: (frame: Buffer) => void, now = () => performance.now()): Inbound {
  const cut = createFrameCutter(frameBytes);
  const most = MAX_BACKLOG_MS / FRAME_MS;
  let allowed = most;
  let allowedAt = now();
  let waiting: Buffer[] = [];
  let scheduled: NodeJS.Immediate | undefined;

  function handOver(): void {
    scheduled = undefined;
    const at = now();
    allowed = Math.min(most, allowed + ((at - allowedAt) / FRAME_MS) * MAX_SPEED);
    allowedAt = at;
    const frames = allowed < 1 ? [] : waiting.slice(-Math.floor(allowed));
    waiting = [];
    allowed -= frames.length;
    for (const frame of frames) onFrame(frame);
  }

  return {
    push(pcm) {
      // Half a sample can't be told apart from garbage, and would shift every sample that follows.
      if (pcm.length % BYTES_PER_SAMPLE !== 0) return;
      waiting.push(...cut(pcm));
      waiting = waiting.slice(-most);
      // All that had piled up in the socket is read before an immediate runs, so that what is dropped is old, not new.
      if (waiting.length > 0) scheduled ??= setImmediate(handOver);
    },
    end() {
      clearImmediate(scheduled);
      handOver();
    },
  };
}
