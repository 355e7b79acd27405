import { ServiceError, UserError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { sleep } from '../sleep.ts';
import { type AriClient, loadAriClient } from './ari-client-hardening.ts';
import { type ChannelListener, createEventRouter } from './ari-events.ts';
import { type AriLink, openAriLink } from './ari-link.ts';
import { type AriOperations, createAriOperations } from './ari-operations.ts';
import { createAriTarget } from './ari-transport.ts';
import { asteriskError } from './asterisk-errors.ts';

/**
 * `connecting`: not reached yet. `connected`: events arrive, dialling is allowed. `lost`: was connected and will be again. `replaced`: another process
 * took our application's name, final. `closed`: by us, final.
 */
export type AriState = 'connecting' | 'connected' | 'lost' | 'replaced' | 'closed';

export interface AriConnectionOptions {
  /** `http://127.0.0.1:8088`; a trailing `/ari` is allowed. */
  url: string;
  username: string;
  password: string;
  /** The Stasis application: one name for each worker process, the same after its restart. */
  app: string;
  logger: Pick<Logger, 'info' | 'warn' | 'error'>;
  requestTimeoutMs?: number;
  /** A socket without a sign of life for two of these is dead; 3 s finds that out within 6 to 9 s, and `/health` promises 15 s. */
  pingIntervalMs?: number;
  /** First and longest wait between two tries to connect. */
  reconnectDelaysMs?: { first: number; longest: number };
}

/** The one connection of a worker to one Asterisk. */
export interface AriConnection extends AriOperations {
  readonly app: string;
  /** Scheme, host and port. */
  readonly origin: string;
  readonly state: AriState;
  /** Since when it is in this state. Unix milliseconds. */
  readonly since: number;
  /** When the event socket last gave a sign of life; undefined before the first one. Unix milliseconds. */
  readonly lastHeardAt: number | undefined;
  /** Returns the unsubscribe function. */
  onState(listener: (state: AriState) => void): () => void;
  /**
   * Resolves when events arrive. Rejects at once when Asterisk refuses our credentials or the name was taken by another process, with a message for a
   * human, and when `signal` aborts; keeps waiting while Asterisk is merely not there yet.
   */
  waitUntilConnected(signal?: AbortSignal): Promise<void>;
  /**
   * What happens to exactly this channel. To be called before the request that makes it: an event may be faster than the answer.
   * Ends by itself with the channel. Returns the unsubscribe function.
   */
  onChannel(channelId: string, listener: ChannelListener): () => void;
  /** How many channels are listened to: nothing may grow here. */
  readonly listenedChannels: number;
  close(): Promise<void>;
}

/** Starts connecting at once and never gives up; rejects nothing and throws only for an address that can't be right. */
export function createAriConnection(options: AriConnectionOptions): AriConnection {
  const { app, logger, requestTimeoutMs = 5_000, pingIntervalMs = 3_000 } = options;
  const delays = options.reconnectDelaysMs ?? { first: 500, longest: 10_000 };
  const target = createAriTarget(originOf(options.url), options.username, options.password);
  const router = createEventRouter((error) => logger.error({ err: error }, 'a listener for channel events threw'));
  const stateListeners = new Set<(state: AriState) => void>();
  const closing = new AbortController();
  let state: AriState = 'connecting';
  let since = Date.now();
  let link: AriLink | undefined;
  let client: AriClient | undefined;
  let lastError: ServiceError | undefined;
  let startupTime: string | undefined;
  const hasRestarted = (time: string) => {
    const restarted = startupTime !== undefined && startupTime !== time;
    startupTime = time;
    return restarted;
  };
  const operations = createAriOperations(target, requestTimeoutMs, () => client);

  const setState = (next: AriState) => {
    if (state === next || state === 'closed' || state === 'replaced') return;
    state = next;
    since = Date.now();
    for (const listener of [...stateListeners]) listener(next);
  };

  const onReplaced = () => {
    const message = `Another process has connected to Asterisk as "${app}": this one hears no events any more and must not dial. Give each worker a name of its own`;
    lastError = asteriskError(message, 'application-replaced', 'permanent');
    logger.error({ app }, message);
    setState('replaced');
    closing.abort();
  };

  const openLink = () =>
    openAriLink({
      ...{ target, app, operations, router, requestTimeoutMs, pingIntervalMs, onReplaced, hasRestarted },
      prepare: async () => {
        client ??= await loadAriClient(target, requestTimeoutMs);
      },
    });

  /** Resolves with what ended the connection; rejects when it couldn't be made. */
  const connectOnce = async (): Promise<string> => {
    const opened = await openLink();
    link = opened;
    closing.signal.addEventListener('abort', opened.close, { once: true });
    try {
      if (closing.signal.aborted) return 'closed';
      lastError = undefined;
      setState('connected');
      return await opened.lost;
    } finally {
      closing.signal.removeEventListener('abort', opened.close);
      opened.close();
    }
  };

  const stayConnected = async () => {
    let failures = 0;
    while (!closing.signal.aborted) {
      try {
        const why = await connectOnce();
        failures = 0;
        if (!closing.signal.aborted) logger.warn({ app, why }, 'the event socket of Asterisk is lost; connecting again');
      } catch (error) {
        if (closing.signal.aborted) break;
        failures += 1;
        report(error, failures);
      }
      setState(state === 'connected' ? 'lost' : state);
      await sleep(Math.min(delays.first * 2 ** Math.max(0, failures - 1), delays.longest), closing.signal).catch(() => undefined);
    }
    target.agent.destroy();
  };

  const report = (error: unknown, failures: number) => {
    lastError =
      error instanceof ServiceError
        ? error
        : asteriskError(`Connecting to Asterisk failed: ${String(error)}`, 'connect', 'transient', error);
    // The first says it; the rest would only fill the log.
    if (failures === 1) logger.warn({ app, err: lastError }, `can't connect to Asterisk at ${target.origin}; trying on`);
    for (const listener of [...failureListeners]) listener();
  };

  const failureListeners = new Set<() => void>();
  const finished = stayConnected();

  return {
    ...operations,
    app,
    origin: target.origin,
    get state() {
      return state;
    },
    get since() {
      return since;
    },
    get lastHeardAt() {
      return link?.lastHeardAt;
    },
    get listenedChannels() {
      return router.ids().length;
    },
    onState(listener) {
      stateListeners.add(listener);
      return () => stateListeners.delete(listener);
    },
    onChannel: router.listen,
    waitUntilConnected: (signal) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (state === 'connected') return done(resolve);
          if (state === 'closed') return done(() => reject(asteriskError('The connection to Asterisk was closed', 'closed', 'permanent')));
          if (signal?.aborted) return done(() => reject(notYet(target.origin, lastError)));
          // Anything else may pass: a booting Asterisk says 404 for a while.
          if (lastError && (lastError.category === 'auth' || state === 'replaced')) return done(() => reject(lastError));
        };
        const done = (settle: () => void) => {
          stateListeners.delete(look);
          failureListeners.delete(look);
          signal?.removeEventListener('abort', look);
          settle();
        };
        stateListeners.add(look);
        failureListeners.add(look);
        signal?.addEventListener('abort', look);
        look();
      }),
    async close() {
      setState('closed');
      closing.abort();
      await finished;
    },
  };
}

function notYet(origin: string, lastError: ServiceError | undefined): ServiceError {
  const why = lastError?.message ?? 'it has not answered yet';
  const message = `No connection to Asterisk at ${origin}: ${why}. Check that it runs and that http.conf and ari.conf are enabled`;
  return asteriskError(message, lastError?.code ?? 'not-connected', 'transient', lastError);
}

function originOf(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol) || !/^\/?(ari\/?)?$/.test(url.pathname))
    throw new UserError(
      `ARI_URL is not the address of an Asterisk: "${url?.password ? '(with a password)' : address}". Write it like http://127.0.0.1:8088`,
    );
  return url.origin;
}
