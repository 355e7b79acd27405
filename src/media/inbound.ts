import { BYTES_PER_SAMPLE, createFrameCutter, FRAME_MS } from './frames.ts';

/** After a stall of our event loop the callee's audio arrives all at once; more than this would only delay every answer. */
const MAX_BACKLOG_MS = 1_000;

export interface Inbound {
  /** One message of audio as it came from the network. */
  push(pcm: Buffer): void;
  /** Hands over what is waiting and stops. */
  end(): void;
}

/** Cuts the callee's audio into frames and hands them over, dropping the oldest when too many arrive at once. */
export function createInbound(frameBytes: number, onFrame: (frame: Buffer) => void): Inbound {
  const cut = createFrameCutter(frameBytes);
  let waiting: Buffer[] = [];
  let scheduled: NodeJS.Immediate | undefined;

  function handOver(): void {
    scheduled = undefined;
    const frames = waiting;
    waiting = [];
    for (const frame of frames) onFrame(frame);
  }

  return {
    push(pcm) {
      // Half a sample can't be told apart from garbage, and would shift every sample that follows.
      if (pcm.length % BYTES_PER_SAMPLE !== 0) return;
      waiting.push(...cut(pcm));
      waiting = waiting.slice(-MAX_BACKLOG_MS / FRAME_MS);
      // All that had piled up in the socket is read before an immediate runs, so that what is dropped is old, not new.
      if (waiting.length > 0) scheduled ??= setImmediate(handOver);
    },
    end() {
      clearImmediate(scheduled);
      handOver();
    },
  };
}
