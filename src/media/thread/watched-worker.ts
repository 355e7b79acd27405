import { Worker } from 'node:worker_threads';
import type { FromThread, ThreadData, ToThread } from './messages.ts';

/** Pings are this far apart; a thread that leaves so many unanswered is stuck. Counted, not timed: a stall of our own event loop accuses nobody. */
const PING_EVERY_MS = 1_000;
const MISSED_PINGS = 5;
/** The same for one that has not said a word yet: it loads, and on a busy machine that takes many seconds. To end it would make the machine busier still. */
const MISSED_AT_START = 30;
/** A thread that never said a word may have died of its first breath, and so may the next one: it is started only after this. */
const STILLBORN_WAIT_MS = 1_000;
/** How long a thread may take to say goodbye. It may have sockets to close that take a second each, all at once. */
const STOP_TIMEOUT_MS = 3_000;

export interface WatchedWorkerOptions {
  entry: URL;
  /** What the thread, and each after it, finds as its `workerData`. */
  data: ThreadData;
  onMessage: (message: Exclude<FromThread, { kind: 'pong' | 'stopped' }>) => void;
  onPong: (pong: Extract<FromThread, { kind: 'pong' }>) => void;
  /** A thread has died and took everything in it with it. */
  onDeath: (error: Error) => void;
  /** The next one takes messages. */
  onReborn: () => void;
  pingEveryMs?: number | undefined;
}

export interface WatchedWorker {
  /** False while there is no thread: the message is lost. */
  post(message: ToThread, move?: ArrayBuffer[]): boolean;
  /** Lets it end everything and say goodbye. Idempotent. */
  stop(): Promise<void>;
}

/** A worker thread that is there again when it has died. */
export function startWatchedWorker(options: WatchedWorkerOptions): WatchedWorker {
  const { entry, data, onMessage, onPong, onDeath, onReborn, pingEveryMs = PING_EVERY_MS } = options;
  let current: Worker | undefined;
  let rebirth: NodeJS.Timeout | undefined;
  let missed = 0;
  let spoke = false;
  let stuck: Error | undefined;
  let stopping: Promise<void> | undefined;
  const stopped = Promise.withResolvers<void>();

  function start(): void {
    // Not the flags of this process: a test runner's loaders have no business there.
    const worker = new Worker(entry, { execArgv: [], name: 'media', workerData: data });
    let cause: Error | undefined;
    let gone = false;
    missed = 0;
    spoke = false;
    stuck = undefined;
    current = worker;
    worker.on('message', (message: FromThread) => {
      missed = 0;
      spoke = true;
      if (gone) return;
      if (message.kind === 'pong') onPong(message);
      else if (message.kind === 'stopped') stopped.resolve();
      else onMessage(message);
    });
    worker.on('error', (error) => {
      cause = error;
    });
    worker.on('exit', (code) => {
      gone = true;
      stopped.resolve();
      if (current !== worker) return;
      current = undefined;
      if (stopping) return;
      onDeath(cause ?? stuck ?? new Error(`it ended with code ${code}`));
      const restart = () => {
        start();
        onReborn();
      };
      if (spoke) restart();
      else rebirth = setTimeout(restart, STILLBORN_WAIT_MS);
    });
  }

  const watch = setInterval(() => {
    if (!current) return;
    if (missed >= (spoke ? MISSED_PINGS : MISSED_AT_START)) return endStuck();
    missed += 1;
    current.postMessage({ kind: 'ping' } satisfies ToThread);
  }, pingEveryMs);

  function endStuck(): void {
    stuck = new Error(`it gave no sign of life for ${missed * pingEveryMs} ms`);
    void current?.terminate();
  }

  async function stop(): Promise<void> {
    clearInterval(watch);
    clearTimeout(rebirth);
    if (!current) return;
    current.postMessage({ kind: 'stop' } satisfies ToThread);
    const timer = setTimeout(stopped.resolve, STOP_TIMEOUT_MS);
    await stopped.promise;
    clearTimeout(timer);
    await current?.terminate();
  }

  start();
  return {
    post(message, move = []) {
      if (!current) return false;
      current.postMessage(message, move);
      return true;
    },
    stop() {
      stopping ??= stop();
      return stopping;
    },
  };
}
