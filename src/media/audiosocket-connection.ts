import type { Socket } from 'node:net';
import { type AudioSocketMessage, createAudioSocketReader, encodeAudio, encodeHangUp, encodeSilence } from './audiosocket-frames.ts';
import type { FramePacer } from './frame-pacer.ts';
import { FRAME_MS } from './frames.ts';
import type { MediaErrorCode } from './media-error.ts';

/** How long a polite goodbye may take. */
const CLOSE_TIMEOUT_MS = 1_000;
/** A peer that takes nothing for so long is gone. Counted in frames, not by the clock: a stall of our own accuses nobody. */
const WRITE_DEADLINE_MS = 5_000;
/**
 * Nothing heard for so long, after there was something: the protocol has no other sign of life. Generous, because a phone that suppresses
 * silence sends nothing while its owner listens.
 */
const READ_DEADLINE_MS = 30_000;

export interface Gone {
  code: MediaErrorCode;
  what: string;
  cause?: unknown;
}

const CLOSED_BY_ASTERISK: Gone = { code: 'media-closed', what: 'Asterisk closed it' };
/** Our frames never stop, so one often arrives after Asterisk has closed: then its goodbye looks like this. */
const RESETS: readonly (string | undefined)[] = ['ECONNRESET', 'EPIPE'];

/** Who speaks and listens on a connection. */
export interface AudioSocketOwner {
  /** The frame to send now; undefined is silence. */
  next(): Buffer | undefined;
  onMessage(message: AudioSocketMessage): void;
  /** Once, when the socket is gone. */
  onGone(why: Gone): void;
}

export interface AudioSocketConnection {
  /** Since the last audio, once there was some. */
  readonly silentForMs: number;
  handTo(owner: AudioSocketOwner): void;
  /** Says goodbye and resolves when the socket is gone. Idempotent. */
  hangUp(): Promise<void>;
  /** Cuts it off with this reason, unless there was one before. */
  fail(why: Gone): void;
}

export interface AudioSocketConnectionOptions {
  /** Just accepted. */
  socket: Socket;
  sampleRate: number;
  pacer: FramePacer;
  owner: AudioSocketOwner;
}

/**
 * One connection of Asterisk's, from accept to close. Sends a frame at once and every 20 ms for ever after: before the first one, Asterisk may wait for us
 * in a loop that holds locks of its own, and no call on that machine can begin (https://github.com/asterisk/asterisk/issues/2089).
 */
export function createAudioSocketConnection(options: AudioSocketConnectionOptions): AudioSocketConnection {
  const { socket, sampleRate, pacer } = options;
  const silence = encodeSilence(sampleRate);
  const read = createAudioSocketReader(sampleRate);
  const closed = Promise.withResolvers<void>();
  let owner = options.owner;
  let why: Gone | undefined;
  let leaving = false;
  let framesHeld = 0;
  /** From the first audio on: before the callee answers there is none. */
  let framesUnheard: number | undefined;

  const fail = (reason: Gone) => {
    why ??= reason;
    socket.destroy();
  };

  function watchDeadlines(): void {
    framesUnheard &&= framesUnheard + 1;
    framesHeld = socket.writableLength > 0 ? framesHeld + 1 : 0;
    if ((framesUnheard ?? 0) * FRAME_MS > READ_DEADLINE_MS) {
      fail({ code: 'media-silent', what: `nothing came from Asterisk for ${READ_DEADLINE_MS} ms` });
    } else if (framesHeld * FRAME_MS > WRITE_DEADLINE_MS) {
      fail({ code: 'media-stalled', what: `Asterisk has taken no audio for ${WRITE_DEADLINE_MS} ms` });
    }
  }

  function sendFrame(): void {
    watchDeadlines();
    // What isn't taken doesn't pile up here; speech waits in its queue, and counts as not heard.
    if (framesHeld > 0 || why) return;
    const frame = owner.next();
    // Whoever was told of what was heard may have closed the connection.
    if (!leaving && !why) socket.write(frame ? encodeAudio(sampleRate, frame) : silence);
  }

  // Small frames, each wanted at once and in one piece.
  socket.setNoDelay(true);
  socket.on('data', (bytes) => {
    for (const message of read(bytes)) {
      if (why || leaving) return;
      if (message.kind === 'audio') framesUnheard = 1;
      owner.onMessage(message);
    }
  });
  socket.on('end', () => fail(CLOSED_BY_ASTERISK));
  socket.on('error', (cause: NodeJS.ErrnoException) => {
    fail(RESETS.includes(cause.code) ? CLOSED_BY_ASTERISK : { code: 'media-lost', what: `its connection broke: ${cause.message}`, cause });
  });
  socket.on('close', () => {
    stopSending();
    closed.resolve();
    owner.onGone(why ?? { code: 'media-closed', what: 'it was closed' });
  });
  socket.write(silence);
  const stopSending = pacer.onFrame(sendFrame);

  return {
    handTo(next) {
      owner = next;
    },
    fail,
    get silentForMs() {
      return (framesUnheard ?? 0) * FRAME_MS;
    },
    async hangUp() {
      if (!leaving && !socket.destroyed) {
        leaving = true;
        stopSending();
        socket.end(encodeHangUp());
      }
      const timer = setTimeout(() => socket.destroy(), CLOSE_TIMEOUT_MS);
      await closed.promise;
      clearTimeout(timer);
    },
  };
}
