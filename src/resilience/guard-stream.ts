import { TransientError } from '../errors.ts';
import type { Breaker, Pass } from './breaker.ts';
import { withDeadline } from './deadline.ts';
import type { GuardedStream, RequestLimits } from './guard.ts';

export interface GuardStreamOptions<T> {
  breaker: Breaker;
  open: (signal: AbortSignal) => AsyncIterable<T>;
  asked: GuardedStream<T>;
  /** Repeats the request as the policy says. */
  retried: <R>(request: (limits: RequestLimits) => Promise<R>) => Promise<R>;
}

interface OpenStream<T> {
  chunks: AsyncIterator<T>;
  /** What came up to and with the first useful chunk. */
  first: T[];
  pass: Pass;
  /** Ends the request, whatever it is doing. */
  end: () => void;
}

/**
 * Retried until the first useful chunk. From there on what was heard can't be unsaid: a stall or a break ends it, and
 * counts against the service, since a service that always breaks off is broken too.
 */
export async function* guardStream<T>({ breaker, open, asked, retried }: GuardStreamOptions<T>): AsyncGenerator<T> {
  const { signal, operation, stallMs } = asked;
  const stream = await retried((limits) => openStream({ breaker, open, asked, limits }));
  let failed = false;
  try {
    yield* stream.first;
    while (true) {
      const onLate = () => streamError(breaker.service, 'stream-stalled', `${operation}: the stream stalled for ${stallMs} ms`);
      const next = await withDeadline(() => stream.chunks.next(), { signal, deadlineMs: stallMs, onLate });
      if (next.done) break;
      yield next.value;
    }
  } catch (error) {
    failed = true;
    await stream.pass.failed(error);
    throw error;
  } finally {
    stream.end();
    // Also when the reader has had enough of it: what was wanted came.
    if (!failed) await stream.pass.succeeded();
  }
}

interface OpenOptions<T> extends Omit<GuardStreamOptions<T>, 'retried'> {
  limits: RequestLimits;
}

async function openStream<T>({ breaker, open, asked, limits }: OpenOptions<T>): Promise<OpenStream<T>> {
  const { signal, isUseful = () => true, operation } = asked;
  const pass = await breaker.begin(limits);
  const life = new AbortController();
  const onAbort = () => life.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  const chunks = iterate(open, life.signal);
  const end = () => {
    signal.removeEventListener('abort', onAbort);
    life.abort(new Error('the stream is not read any further'));
    // Not waited for: one that hangs doesn't return before its next chunk.
    void Promise.resolve(chunks.return?.()).catch(() => {});
  };
  try {
    const first = await withDeadline(
      async (late) => {
        const onLate = () => life.abort(late.reason);
        late.addEventListener('abort', onLate, { once: true });
        const received: T[] = [];
        while (true) {
          const next = await chunks.next();
          if (next.done) throw streamError(breaker.service, 'stream-empty', `${operation}: the stream ended before anything useful came`);
          received.push(next.value);
          if (isUseful(next.value)) return received;
        }
      },
      { signal, ...limits },
    );
    // A trial is decided here: its lease doesn't outlast a long answer.
    if (pass.trial) await pass.succeeded();
    return { chunks, first, pass, end };
  } catch (error) {
    await pass.failed(error);
    end();
    throw error;
  }
}

function streamError(service: string, code: string, what: string): TransientError {
  return new TransientError(`${service}, ${what}.`, { service, code, category: 'transient' });
}

/** One that can't even be opened fails like one that breaks off. */
function iterate<T>(open: (signal: AbortSignal) => AsyncIterable<T>, signal: AbortSignal): AsyncIterator<T> {
  return (async function* () {
    yield* open(signal);
  })();
}
