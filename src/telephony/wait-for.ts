import type { AriConnection } from './ari-connection.ts';

export interface WaitLimits {
  signal?: AbortSignal | undefined;
  timeoutMs?: number | undefined;
  /** Any change of its state ends the wait. */
  connection?: Pick<AriConnection, 'onState'> | undefined;
}

/** Waits until `done` settles or one of the limits is reached; the caller looks which it was. Rejects only with what `done` rejects with. */
export async function waitFor(done: Promise<unknown>, { signal, timeoutMs, connection }: WaitLimits): Promise<void> {
  const { promise: limit, resolve } = Promise.withResolvers<void>();
  const giveUp = () => resolve();
  if (signal?.aborted) giveUp();
  signal?.addEventListener('abort', giveUp, { once: true });
  const timer = timeoutMs === undefined ? undefined : setTimeout(giveUp, timeoutMs);
  const unwatch = connection?.onState(giveUp);
  try {
    await Promise.race([done, limit]);
  } finally {
    signal?.removeEventListener('abort', giveUp);
    clearTimeout(timer);
    unwatch?.();
  }
}
