import type { EventRouter } from './ari-events.ts';
import { parseAriEvent } from './ari-events.ts';
import type { AriOperations } from './ari-operations.ts';
import { type AriTarget, exchange } from './ari-transport.ts';
import { notAriError } from './asterisk-errors.ts';
import { openEventSocket } from './event-socket.ts';

/** About half of all events, and nothing in them for us. */
const UNWANTED_EVENTS = ['ChannelVarset', 'ChannelDialplan'];

export interface AriLinkOptions {
  target: AriTarget;
  app: string;
  operations: Pick<AriOperations, 'disallowEvents' | 'getChannel' | 'getStartupTime'>;
  /** Makes the operations usable; called once Asterisk is known to be ready. */
  prepare: () => Promise<void>;
  router: EventRouter;
  requestTimeoutMs: number;
  pingIntervalMs: number;
  onReplaced: () => void;
  /** Hears when Asterisk started; answers whether it has restarted since the last life of the connection. */
  hasRestarted: (startupTime: string) => boolean;
}

/** One life of the connection to Asterisk: from the first question until the event socket is lost. */
export interface AriLink {
  /** When the event socket last gave a sign of life. Unix milliseconds. */
  readonly lastHeardAt: number;
  /** Resolves with why. */
  readonly lost: Promise<string>;
  close(): void;
}

/** Resolves when events arrive and all that was missed has been caught up with. Rejects with a `ServiceError`. */
export async function openAriLink(options: AriLinkOptions): Promise<AriLink> {
  const { target, app, operations, router, requestTimeoutMs, pingIntervalMs, onReplaced } = options;
  const lost = Promise.withResolvers<string>();
  let live = true;
  await assertReady(target, requestTimeoutMs);
  await options.prepare();
  const socket = await openEventSocket({
    target,
    app,
    handshakeTimeoutMs: requestTimeoutMs,
    pingIntervalMs,
    onText(text) {
      // What comes on a socket that we gave up doesn't count: Asterisk tells it that its successor has replaced it.
      const event = live ? parseAriEvent(text) : undefined;
      if (event?.type === 'ApplicationReplaced') onReplaced();
      else if (event) router.route(event);
    },
    onLost(why) {
      live = false;
      lost.resolve(why);
    },
  });
  const close = () => {
    live = false;
    socket.close();
    lost.resolve('closed');
  };
  try {
    // Forgotten when Asterisk restarts.
    await operations.disallowEvents(app, UNWANTED_EVENTS);
    // Whoever may not ask takes an ended channel for one that was hung up.
    const restarted = await operations.getStartupTime().then(options.hasRestarted, () => false);
    await readBack(operations, router, restarted);
  } catch (error) {
    close();
    throw error;
  }
  return {
    get lastHeardAt() {
      return socket.lastHeardAt;
    },
    lost: lost.promise,
    close,
  };
}

/** While it boots, Asterisk refuses connections, then says 404, then 503. */
async function assertReady(target: AriTarget, timeoutMs: number): Promise<void> {
  const { status, body } = await exchange(target, { method: 'GET', path: '/ari/asterisk/ping', timeoutMs });
  if (!body.includes('"pong"')) throw notAriError('GET /ari/asterisk/ping', status);
}

/** Events of the time without a socket are lost, so every channel that somebody cares for is asked how it is. */
async function readBack(operations: Pick<AriOperations, 'getChannel'>, router: EventRouter, restarted: boolean): Promise<void> {
  await Promise.all(
    router.ids().map(async (id) => {
      const channel = await operations.getChannel(id);
      router.tell(id, channel ? { kind: 'read-back', channel } : { kind: 'gone', restarted });
    }),
  );
}
