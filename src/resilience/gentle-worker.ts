import { Worker } from 'bullmq';
import { sleep } from '../sleep.ts';

/** How soon a Redis that refuses is asked for the next job again. Milliseconds. */
const REST_MS = 1_000;

/**
 * BullMQ's worker asks a Redis that answers and refuses (full, a replica, loading) for the next job again at once, hundreds of times a second, with
 * an error each. This one rests for a second after a refusal. What it works on goes on.
 */
export class GentleWorker<Data, Result = void> extends Worker<Data, Result> {
  readonly #closing = new AbortController();

  protected override async moveToActive(...args: Parameters<Worker<Data, Result>['moveToActive']>) {
    try {
      return await super.moveToActive(...args);
    } catch (error) {
      await sleep(REST_MS, this.#closing.signal).catch(() => {});
      throw error;
    }
  }

  override close(force?: boolean): Promise<void> {
    this.#closing.abort();
    return super.close(force);
  }
}
