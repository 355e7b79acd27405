import { BYTES_PER_SAMPLE, createFrameCutter, FRAME_MS } from './frames.ts';

/** After a stall of our event loop the callee's audio arrives all at once; more than this would only delay every answer. */
const MAX_BACKLOG_MS = 1_000;

/**
 * No frame for so long is silence that a phone or a carrier doesn't send: a talk in which nobody can be heard to have finished would stand still. Longer than a
 * busy machine or network holds frames up, for these would be torn by it. Milliseconds.
 */
const SUPPRESSED_MS = 600;

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
 * Cuts the callee's audio into frames and hands them over, dropping the oldest when too many arrive at once. From the first frame on, silence that isn't sent is heard
 * as silence.
 * `now`: milliseconds of a clock that never goes back.
 */
export function createInbound(frameBytes: number, onFrame: (frame: Buffer) => void, now = () => performance.now()): Inbound {
  const cut = createFrameCutter(frameBytes);
  const most = MAX_BACKLOG_MS / FRAME_MS;
  let allowed = most;
  let allowedAt = now();
  let waiting: Buffer[] = [];
  let scheduled: NodeJS.Immediate | undefined;
  let ticks: NodeJS.Timeout | undefined;
  let filling: NodeJS.Immediate | undefined;
  let missedFrames = 0;
  let ended = false;

  /** Ticks are counted, not the time: after a stall of ours one tick comes, and what has arrived meanwhile is read before the immediate runs. */
  function fill(): void {
    if (++missedFrames * FRAME_MS < SUPPRESSED_MS) return;
    const frames = missedFrames * FRAME_MS === SUPPRESSED_MS ? missedFrames : 1;
    for (let frame = 0; frame < frames; frame++) onFrame(Buffer.alloc(frameBytes));
  }

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
      if (waiting.length === 0 || ended) return;
      missedFrames = 0;
      ticks ??= setInterval(() => {
        filling = setImmediate(fill);
      }, FRAME_MS);
      // All that had piled up in the socket is read before an immediate runs, so that what is dropped is old, not new.
      scheduled ??= setImmediate(handOver);
    },
    end() {
      ended = true;
      clearInterval(ticks);
      clearImmediate(filling);
      clearImmediate(scheduled);
      handOver();
    },
  };
}
