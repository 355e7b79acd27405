import { createClassify } from '../error-classification/classify.ts';
import { ServiceError } from '../errors.ts';
import type { AbortableAgent } from './abortable-agent.ts';
import { HUBSPOT_ERRORS } from './errors/hubspot.ts';
import { createRequestWatch } from './request-watch.ts';

/** One request, within its deadline; what goes wrong is a ServiceError. `operation` names it for a human. */
export type Ask = <T>(operation: string, signal: AbortSignal, work: () => Promise<T>) => Promise<T>;

export interface AskOptions {
  secrets: readonly string[];
  abortable: AbortableAgent;
  /** For one request. Milliseconds. */
  deadlineMs: number;
}

export function createAsk({ secrets, abortable, deadlineMs }: AskOptions): Ask {
  const classify = createClassify({ service: 'hubspot', table: HUBSPOT_ERRORS, secrets });
  return async (operation, signal, work) => {
    signal.throwIfAborted();
    const watch = createRequestWatch({ signal, deadlineMs, lateCode: 'no-answer' });
    try {
      return await watch.settle(abortable.run(watch.signal, work));
    } catch (error) {
      signal.throwIfAborted();
      throw classify(error, operation);
    } finally {
      watch.dispose();
    }
  };
}

/** Undefined for what HubSpot has not got. */
export async function orMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (hasStatus(error, 404)) return undefined;
    throw error;
  }
}

export function hasStatus(error: unknown, status: number): boolean {
  return error instanceof ServiceError && error.status === status;
}
