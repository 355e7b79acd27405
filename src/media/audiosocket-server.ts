import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { UserError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { type AudioSocketConnection, createAudioSocketConnection, type Gone } from './audiosocket-connection.ts';
import { createAudioSocketLeg } from './audiosocket-leg.ts';
import { createFramePacer, type FramePacer } from './frame-pacer.ts';
import { mediaError } from './media-error.ts';
import type { AudioLeg } from './media-leg.ts';

/** Asterisk says which call it is within a few milliseconds of connecting. */
const HANDSHAKE_TIMEOUT_MS = 2_000;
/** A callee who talks, or only breathes, is heard all the time. */
const STALE_AFTER_MS = 10_000;
/** Connections that have not said yet who they are. More than calls can begin at once. */
const MAX_STRANGERS = 100;

export interface AudioSocketServerOptions {
  /** Address to listen on. */
  host: string;
  /** 0 takes a free one. */
  port: number;
  /** Hertz, of every leg. */
  sampleRate: number;
  logger: Pick<Logger, 'warn' | 'error'>;
  handshakeTimeoutMs?: number | undefined;
  /** The clock of every leg. */
  pacer?: FramePacer | undefined;
}

export interface ExpectedLeg {
  /** The UUID that Asterisk is given for this leg, a fresh one: whoever knows it first has the leg. */
  id: string;
  /** The external-media channel. */
  channelId: string;
  /** Ends the wait; later, closes the leg. */
  signal?: AbortSignal | undefined;
  connectTimeoutMs: number;
}

export interface AudioSocketServer {
  readonly port: number;
  /** Legs that live. */
  readonly legs: number;
  /** One of them has been silent for so long that it may be dead. */
  readonly stale: boolean;
  /**
   * The leg with this UUID, when Asterisk has connected it. To be called before Asterisk is asked for the channel, because it connects before it answers.
   * Rejects with a `ServiceError` (codes: `MediaErrorCode`), or with the signal's reason.
   */
  expectLeg(expected: ExpectedLeg): Promise<AudioLeg>;
  /** Ends every leg. Idempotent. */
  close(): Promise<void>;
}

/**
 * Where Asterisk connects to with the audio of calls (AudioSocket): one server a process. Only a connection that names a UUID we wait for becomes a leg.
 * @throws UserError when the address can't be listened on.
 */
export async function startAudioSocketServer(options: AudioSocketServerOptions): Promise<AudioSocketServer> {
  const { sampleRate, logger, handshakeTimeoutMs = HANDSHAKE_TIMEOUT_MS } = options;
  const onFailure = (error: unknown) => logger.error({ err: error }, 'a media leg failed at its frame');
  const pacer = options.pacer ?? createFramePacer({ onFailure });
  const expected = new Map<string, (connection: AudioSocketConnection) => void>();
  const connections = new Set<AudioSocketConnection>();
  const closing = new AbortController();
  let strangers = 0;
  let legs = 0;

  function onConnection(socket: Socket): void {
    if (strangers >= MAX_STRANGERS || closing.signal.aborted) return void socket.destroy();
    strangers += 1;
    let known = false;
    const refuse = (what: string) => {
      logger.warn({ from: socket.remoteAddress }, `AudioSocket connection refused: ${what}`);
      connection.fail({ code: 'media-refused', what });
    };
    const timer = setTimeout(() => refuse(`it did not say which call it is within ${handshakeTimeoutMs} ms`), handshakeTimeoutMs);
    const noStranger = () => {
      if (!known) strangers -= 1;
      known = true;
      clearTimeout(timer);
    };
    const connection = createAudioSocketConnection({
      ...{ socket, sampleRate, pacer },
      owner: {
        next: () => undefined,
        onMessage(message) {
          if (message.kind !== 'id') return refuse('it sent something else before its UUID');
          const take = expected.get(message.id);
          // Also of a leg that lives: the first connection has it.
          if (!take) return refuse('no call waits for its UUID');
          noStranger();
          take(connection);
        },
        onGone: noStranger,
      },
    });
    connections.add(connection);
    socket.once('close', () => connections.delete(connection));
  }

  function makeLeg(connection: AudioSocketConnection, { channelId, signal }: ExpectedLeg): AudioLeg {
    const leg = createAudioSocketLeg({ connection, channelId, sampleRate });
    legs += 1;
    const onAbort = () => void leg.close();
    signal?.addEventListener('abort', onAbort, { once: true });
    void leg.closed.then(() => {
      legs -= 1;
      signal?.removeEventListener('abort', onAbort);
    });
    return leg;
  }

  async function expectLeg(wanted: ExpectedLeg): Promise<AudioLeg> {
    const { id, channelId, signal, connectTimeoutMs } = wanted;
    signal?.throwIfAborted();
    const arrived = Promise.withResolvers<AudioLeg>();
    const giveUp = (code: Gone['code'], what: string) => () => arrived.reject(mediaError(channelId, code, what));
    const timer = setTimeout(giveUp('media-timeout', `Asterisk did not connect it within ${connectTimeoutMs} ms`), connectTimeoutMs);
    const onAbort = () => arrived.reject(signal?.reason);
    const onClosing = giveUp('media-closed', 'this worker is stopping');
    signal?.addEventListener('abort', onAbort, { once: true });
    closing.signal.addEventListener('abort', onClosing, { once: true });
    // In the same turn as the UUID is read: what comes behind it in the packet is audio already.
    expected.set(id.toLowerCase(), (connection) => arrived.resolve(makeLeg(connection, wanted)));
    try {
      if (closing.signal.aborted) onClosing();
      const leg = await arrived.promise;
      // Also when both came at once: a leg that is already closing is of no use.
      signal?.throwIfAborted();
      return leg;
    } finally {
      expected.delete(id.toLowerCase());
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      closing.signal.removeEventListener('abort', onClosing);
    }
  }

  const server = createServer(onConnection);
  server.listen(options.port, options.host);
  await once(server, 'listening').catch((error: unknown) => {
    throw cannotListen(options, error);
  });
  server.on('error', (error) => logger.error({ err: error }, 'the AudioSocket server can take no connection'));
  let closed: Promise<unknown> | undefined;

  return {
    port: (server.address() as AddressInfo).port,
    get legs() {
      return legs;
    },
    get stale() {
      return [...connections].some(({ silentForMs }) => silentForMs > STALE_AFTER_MS);
    },
    expectLeg,
    async close() {
      closing.abort();
      closed ??= Promise.all([
        new Promise<void>((resolve) => server.close(() => resolve())),
        ...[...connections].map((connection) => connection.hangUp()),
      ]);
      await closed;
    },
  };
}

function cannotListen({ host, port }: AudioSocketServerOptions, error: unknown): UserError {
  const code = (error as NodeJS.ErrnoException).code;
  const cure =
    code === 'EADDRINUSE'
      ? 'Another process has this port, perhaps another worker: give each worker its own AUDIOSOCKET_PORT, 0 takes a free one'
      : 'Set AUDIOSOCKET_HOST to an address of this machine and AUDIOSOCKET_PORT to a port that may be used';
  return new UserError(`The port for Asterisk's audio can't be opened at ${host}:${port} (${code ?? String(error)}). ${cure}.`);
}
