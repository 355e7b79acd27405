import { WebSocket } from 'ws';
import type { ServiceError } from '../errors.ts';
import { bytesPerFrame } from './frames.ts';
import { createInbound } from './inbound.ts';
import { createListeners } from './listeners.ts';
import { mediaError } from './media-error.ts';
import type { AudioLeg } from './media-leg.ts';
import { createPlayout, type PlayoutSink } from './playout.ts';
import { type ControlCommand, type ControlEvent, type ControlForm, encodeCommand, parseEvent } from './websocket-control.ts';
import { watchLife } from './websocket-life.ts';

/** How long a polite goodbye may take. */
const CLOSE_TIMEOUT_MS = 1_000;
/** Asterisk's frames have at most a few kB; a MEDIA_START with many channel variables may be longer. What is longer than this ends the leg. */
const MAX_MESSAGE_BYTES = 64 * 1024;

export interface WebsocketLegOptions {
  /** `ws://asterisk:8088/media/<MEDIA_WEBSOCKET_CONNECTION_ID>`. Whoever knows it has the leg: it stands in no error and no log. */
  mediaUrl: string;
  /** The external-media channel. */
  channelId: string;
  /** Hertz; the `format` with which the channel was made must have the same. */
  sampleRate: number;
  /** Aborts connecting; later, closes the leg. */
  signal?: AbortSignal | undefined;
  /** For the socket and Asterisk's MEDIA_START together. */
  connectTimeoutMs: number;
  /** A socket that gives no sign of life for three to four of these is gone. */
  pingEveryMs?: number | undefined;
}

/**
 * Dials the media websocket of an external-media channel (`transport=websocket`, `encapsulation=none`, `external_host=INCOMING`).
 * Asterisk paces the audio, so what we have to say may be handed over as soon as it is there.
 * Rejects with a `ServiceError` (codes: `MediaErrorCode`), or with the signal's reason.
 */
export async function connectWebsocketLeg(options: WebsocketLegOptions): Promise<AudioLeg> {
  const { channelId, signal, connectTimeoutMs } = options;
  signal?.throwIfAborted();
  const { leg, started, fail } = openLeg(options);
  const timer = setTimeout(() => {
    fail(mediaError(channelId, 'media-timeout', `Asterisk did not start it within ${connectTimeoutMs} ms`));
  }, connectTimeoutMs);
  const onAbort = () => void leg.close();
  signal?.addEventListener('abort', onAbort, { once: true });
  void leg.closed.then(() => signal?.removeEventListener('abort', onAbort));
  try {
    const first = await Promise.race([started, leg.closed]);
    // Also when both came at once: a leg that is already closing is of no use.
    signal?.throwIfAborted();
    if (first === 'started') return leg;
    throw first.error ?? mediaError(channelId, 'media-closed', 'closed before it began');
  } finally {
    clearTimeout(timer);
  }
}

interface OpenLeg {
  leg: AudioLeg;
  started: Promise<'started'>;
  /** Ends the leg with this error, unless another came first. */
  fail: (error: ServiceError) => void;
}

function openLeg(options: WebsocketLegOptions): OpenLeg {
  const { channelId, sampleRate } = options;
  const socket = createSocket(options);
  const started = Promise.withResolvers<'started'>();
  const closed = Promise.withResolvers<{ error?: Error }>();
  let form: ControlForm | undefined;
  let asked = false;
  let failure: ServiceError | undefined;

  const fail = (error: ServiceError) => {
    failure ??= error;
    socket.terminate();
  };
  const onListenerFailure = (cause: unknown) => fail(mediaError(channelId, 'media-listener', 'a listener to its audio failed', { cause }));
  const frames = createListeners<Buffer>(onListenerFailure);
  const played = createListeners<Buffer>(onListenerFailure);
  const inbound = createInbound(bytesPerFrame(sampleRate), frames.emit);
  const playout = createPlayout({ sampleRate, sink: createSink(socket, () => form ?? 'json'), onPlayed: played.emit });
  const life = watchLife({
    socket,
    pingEveryMs: options.pingEveryMs,
    awaitedMark: () => playout.awaitedMark,
    onSilent: (ms) => fail(mediaError(channelId, 'media-silent', `no sign of life from Asterisk for ${ms} ms`)),
    onStalled: (ms) => fail(mediaError(channelId, 'media-stalled', `Asterisk has played nothing for ${ms} ms`)),
  });

  function onEvent(event: ControlEvent): void {
    switch (event.event) {
      case 'media-start': {
        const wrong = wrongFormat(event.frameBytes, sampleRate);
        if (wrong) fail(mediaError(channelId, 'media-format', wrong));
        form ??= event.form;
        if (!wrong) started.resolve('started');
        break;
      }
      case 'mark-reached':
        playout.markReached(event.mark);
        break;
      case 'xoff':
        playout.hold();
        break;
      case 'xon':
        playout.release();
        break;
    }
  }

  // Before the socket opens: MEDIA_START may come in the same packet as the end of the handshake.
  socket.on('message', (data, isBinary) => {
    life.alive();
    if (!Buffer.isBuffer(data) || failure) return;
    if (isBinary) return inbound.push(data);
    const event = parseEvent(data.toString('utf8'));
    if (event) onEvent(event);
  });
  socket.on('pong', () => life.alive());
  socket.on('unexpected-response', (request, response) => {
    const status = response.statusCode ?? 0;
    fail(mediaError(channelId, 'media-refused', `Asterisk refused its socket with HTTP ${status}${hint(status)}`, { status }));
    request.destroy();
  });
  socket.on('error', (cause) => fail(mediaError(channelId, 'media-lost', `its connection broke: ${cause.message}`, { cause })));
  socket.on('close', (code) => {
    life.stop();
    inbound.end();
    playout.end();
    failure ??= mediaError(channelId, 'media-closed', `Asterisk closed it (websocket code ${code})`);
    closed.resolve(asked ? {} : { error: failure });
  });

  const leg: AudioLeg = {
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
      asked ||= !failure;
      playout.end();
      const timer = setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS);
      socket.close(1000);
      await closed.promise;
      clearTimeout(timer);
    },
  };
  return { leg, started: started.promise, fail };
}

function createSocket({ mediaUrl, channelId }: WebsocketLegOptions): WebSocket {
  try {
    return new WebSocket(mediaUrl, 'media', { perMessageDeflate: false, maxPayload: MAX_MESSAGE_BYTES });
  } catch {
    // No cause: it would show the address.
    throw mediaError(channelId, 'media-address', 'its address is not one of a websocket');
  }
}

function createSink(socket: WebSocket, form: () => ControlForm): PlayoutSink {
  // A socket that can't send is about to say 'close', which is where that is dealt with.
  const send = (data: string | Buffer) => socket.send(data, () => {});
  const command = (what: ControlCommand) => send(encodeCommand(form(), what));
  return {
    startBuffering: () => command({ command: 'START_MEDIA_BUFFERING' }),
    audio: send,
    mark: (mark) => command({ command: 'MARK_MEDIA', mark }),
    stopBuffering: (mark) => command({ command: 'STOP_MEDIA_BUFFERING', mark }),
    flush: () => command({ command: 'FLUSH_MEDIA' }),
    pause: () => command({ command: 'PAUSE_MEDIA' }),
    resume: () => command({ command: 'CONTINUE_MEDIA' }),
  };
}

function wrongFormat(frameBytes: number, sampleRate: number): string | undefined {
  const expected = bytesPerFrame(sampleRate);
  if (frameBytes === expected) return undefined;
  return `20 ms are ${frameBytes} bytes at Asterisk's end and ${expected} at ours: give the channel the slin format of ${sampleRate} Hz`;
}

function hint(status: number): string {
  if (status === 404) return ': it knows no such leg (its channel is gone, or res_websocket and chan_websocket are not loaded)';
  if (status === 409) return ': somebody is connected to it already';
  return '';
}
