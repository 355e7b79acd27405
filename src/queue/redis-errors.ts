import { createClassify, fault } from '../error-classification/classify.ts';
import type { ErrorTable } from '../error-classification/error-table.ts';
import type { ServiceError } from '../errors.ts';

/**
 * Redis, as ioredis reports it. An error reply begins with its code (https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors);
 * what ioredis says itself has no code, and is of the connection.
 */
export const REDIS_ERRORS: ErrorTable = {
  label: 'Redis',
  shape: { status: [], code: ['reply'], detail: ['said'], headers: [] },
  rules: [
    { code: ['OOM'], category: 'transient', hint: 'Its memory is full: raise maxmemory, or make room. Calls wait.' },
    { code: ['MISCONF'], category: 'transient', hint: 'It can not write to its disk: make room, or look at its log. Calls wait.' },
    { code: ['READONLY'], category: 'transient', hint: 'It is a replica: point REDIS_URL at the master.' },
    { code: ['LOADING'], category: 'transient', hint: 'It is reading its data after a start.' },
    { code: ['BUSY'], category: 'transient', hint: 'A script keeps it busy: SCRIPT KILL ends one that does not end by itself.' },
    {
      code: ['MASTERDOWN', 'CLUSTERDOWN', 'NOREPLICAS', 'TRYAGAIN', 'UNBLOCKED'],
      category: 'transient',
      hint: 'Its cluster is changing over; it will be asked again.',
    },
    {
      code: ['NOAUTH', 'WRONGPASS'],
      category: 'auth',
      hint: 'Check the user and password in REDIS_URL.',
    },
    { code: ['NOPERM'], category: 'auth', hint: 'Its user may not do this: Ringfence needs all commands on its own keys.' },
    { code: ['WRONGTYPE'], category: 'permanent', hint: 'Another program uses the same keys: choose another QUEUE_PREFIX.' },
    // An argument or a command that this Redis doesn't know, or a script of ours that failed.
    { code: ['ERR', 'EXECABORT', 'NOSCRIPT'], category: 'permanent', hint: 'It did not understand us: version 6.2 or newer is needed.' },
    { code: ['not-synced'], category: 'transient', hint: 'Its disk is too slow, or full: look at its log. Calls wait.' },
    {
      code: ['not-replicated'],
      category: 'transient',
      hint: 'Fewer replicas than REDIS_REPLICAS have what was written: look at INFO replication of the master. Calls wait.',
    },
    { code: ['connection-closed'], category: 'transient', hint: 'It is away, or too slow to answer; what waits goes on when it is well.' },
  ],
};

const classify = createClassify({ service: 'redis', table: REDIS_ERRORS, secrets: [] });

/** Turns what ioredis threw while doing `operation` ("claim of an attempt") into a ServiceError. */
export function redisError(error: unknown, operation: string): ServiceError {
  return classify(named(error), operation);
}

function named(thrown: unknown): unknown {
  const error = firstOf(thrown);
  if (!(error instanceof Error)) return error;
  if (error.name === 'ReplyError') {
    const [reply = ''] = error.message.split(' ', 1);
    return Object.assign(new Error('error reply', { cause: error }), { reply, said: error.message });
  }
  const isOwn = error.name === 'MaxRetriesPerRequestError' || error.name === 'ClusterAllFailedError';
  if (isOwn || (error.name === 'Error' && !('code' in error))) return fault('connection-closed', error.message, error);
  return error;
}

/** A transaction that is discarded (EXECABORT) names the commands that were refused. */
function firstOf(error: unknown): unknown {
  const { previousErrors = [] } = (error ?? {}) as { previousErrors?: unknown[] };
  return previousErrors[0] ?? error;
}
