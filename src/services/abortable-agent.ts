import { AsyncLocalStorage } from 'node:async_hooks';
import { Agent, type ClientRequest } from 'node:http';
import { Agent as TlsAgent } from 'node:https';

/** What `http.request` calls to have its request sent; not in the types, but every agent's entrance. */
interface Entrance {
  addRequest(request: ClientRequest, options: unknown): void;
}

export interface AbortableAgent {
  agent: Agent;
  /** Requests that `work` makes through the agent end when the signal aborts. */
  run<T>(signal: AbortSignal, work: () => T): T;
}

/**
 * An agent for clients that know neither timeouts nor abort signals: it finds the signal of the work that is
 * going on and destroys the request when that aborts.
 */
export function createAbortableAgent(url: string): AbortableAgent {
  const signals = new AsyncLocalStorage<AbortSignal>();
  const agent = new URL(url).protocol === 'http:' ? new Agent({ keepAlive: true }) : new TlsAgent({ keepAlive: true });
  const entrance = agent as unknown as Entrance;
  const addRequest = entrance.addRequest.bind(agent);
  entrance.addRequest = (request, options) => {
    const signal = signals.getStore();
    if (signal) tie(request, signal);
    addRequest(request, options);
  };
  return { agent, run: (signal, work) => signals.run(signal, work) };
}

function tie(request: ClientRequest, signal: AbortSignal): void {
  const onAbort = (): void => {
    request.destroy(signal.reason instanceof Error ? signal.reason : new DOMException('the request was broken off', 'AbortError'));
  };
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  request.once('close', () => signal.removeEventListener('abort', onAbort));
}
