import type { AudioSocketConnection } from './audiosocket-connection.ts';
import type { AudioSocketMessage } from './audiosocket-frames.ts';
import { bytesPerFrame } from './frames.ts';
import { createInbound } from './inbound.ts';
import { createListeners } from './listeners.ts';
import { mediaError } from './media-error.ts';
import type { AudioLeg } from './media-leg.ts';
import { createPacedQueue } from './paced-queue.ts';
import { createPlayout } from './playout.ts';

export interface AudioSocketLegOptions {
  /** Its call is known. */
  connection: AudioSocketConnection;
  channelId: string;
  sampleRate: number;
}

/** A media leg on a connection that Asterisk has made to us. We pace: see `FramePacer`. */
export function createAudioSocketLeg({ connection, channelId, sampleRate }: AudioSocketLegOptions): AudioLeg {
  const closed = Promise.withResolvers<{ error?: Error }>();
  let asked = false;
  let over = false;

  const onListenerFailure = (cause: unknown) => connection.fail({ code: 'media-listener', what: 'a listener to its audio failed', cause });
  const frames = createListeners<Buffer>(onListenerFailure);
  const played = createListeners<Buffer>(onListenerFailure);
  const inbound = createInbound(bytesPerFrame(sampleRate), frames.emit);
  const queue = createPacedQueue({ sampleRate, onMark: (mark) => playout.markReached(mark) });
  const playout = createPlayout({ sampleRate, sink: queue.sink, onPlayed: played.emit, now: queue.spokenMs });

  function onMessage(message: AudioSocketMessage): void {
    switch (message.kind) {
      case 'audio':
        if (message.rightRate) inbound.push(message.pcm);
        else connection.fail({ code: 'media-format', what: wrongRate(sampleRate) });
        break;
      case 'hang-up':
        connection.fail({ code: 'media-closed', what: 'Asterisk hung it up' });
        break;
      case 'error':
        connection.fail({ code: 'media-lost', what: `Asterisk reported an error of its own (code ${message.code})` });
        break;
      case 'id':
      case 'other':
        // Nothing that a call could suffer from.
        break;
      default:
        message satisfies never;
    }
  }

  connection.handTo({
    next: queue.next,
    onMessage,
    onGone({ code, what, cause }) {
      over = true;
      inbound.end();
      queue.settle();
      playout.end();
      closed.resolve(asked ? {} : { error: mediaError(channelId, code, what, cause === undefined ? {} : { cause }) });
    },
  });

  return {
    channelId,
    sampleRate,
    closed: closed.promise,
    onFrame: frames.add,
    onPlayed: played.add,
    speak: playout.speak,
    flush: playout.flush,
    pause: playout.pause,
    resume: playout.resume,
    get speaking() {
      return playout.speaking;
    },
    async close() {
      asked ||= !over;
      playout.end();
      await connection.hangUp();
    },
  };
}

function wrongRate(sampleRate: number): string {
  const cure =
    sampleRate === 8000 ? 'give the channel the format slin' : 'MEDIA_SAMPLE_RATE=8000 suits every Asterisk, others need 22.7 or newer';
  return `Asterisk sends another sample rate than ${sampleRate} Hz: ${cure}`;
}
