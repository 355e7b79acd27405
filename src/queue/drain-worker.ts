import type { Worker } from 'bullmq';
import { sleep } from '../sleep.ts';

export interface DrainOptions {
  worker: Pick<Worker, 'close'>;
  /** Aborted when the time is up: what is still going on comes to its end then, politely. */
  leave: AbortController;
  timeoutMs: number;
  log: { warn(facts: object, message: string): void };
  farewellMs?: number;
}

/** Last words take 45 s at most; then the hang-up and the outcome. Milliseconds. */
const FAREWELL_MS = 60_000;

/**
 * Takes nothing new and lets what is under way come to its end. What doesn't even come to a polite one (Redis is away, say)
 * is left: its lease runs out, and another worker writes down how it ended.
 */
export async function drainWorker({ worker, leave, timeoutMs, log, farewellMs = FAREWELL_MS }: DrainOptions): Promise<void> {
  const over = new AbortController();
  const closed = worker.close().finally(() => over.abort());
  const outOfTime = async () => {
    await sleep(timeoutMs, over.signal);
    log.warn({ timeoutMs }, 'calls are still under way: they end with a goodbye now');
    leave.abort(new Error('the worker was stopped'));
    await sleep(farewellMs, over.signal);
    log.warn({}, 'calls did not come to their end: another worker will write down how they ended');
  };
  await Promise.race([closed, outOfTime().catch(() => closed)]);
}
