import { randomUUID } from 'node:crypto';
import { BroadcastChannel } from 'node:worker_threads';
import { type MediaThreadOptions, startMediaThread } from '../../../src/media/thread/media-thread.ts';

export type ThreadOrder = { kind: 'tick'; frames: number } | { kind: 'throw' } | { kind: 'hang' } | { kind: 'done' };

/** A media thread that does what the test says. */
export function startDrivenThread(options: Partial<MediaThreadOptions> = {}) {
  // Other test files may run in other threads of this very process.
  const name = randomUUID();
  const code = `import { serveDriven } from ${JSON.stringify(new URL('./driven-entry.ts', import.meta.url).href)}; serveDriven('${name}');`;
  const entry = new URL(`data:text/javascript,${encodeURIComponent(code)}`);
  const thread = startMediaThread({ logger: { warn() {}, error() {} }, entry, ...options });
  const channel = new BroadcastChannel(name);
  const order = (message: ThreadOrder) => channel.postMessage(message);
  /** All that was said to the thread's own port has been heard, and its answers too: a recording that can't be made is answered in its turn. */
  const inTurn = () => thread.record('/dev/null/nowhere/none.wav', 8_000).close();
  return {
    thread,
    order,
    /** Lets so many frames of AudioSocket legs pass; what the thread had to tell by then has arrived. */
    async tick(frames: number): Promise<void> {
      // Two ports have no order between them.
      await inTurn();
      const done = Promise.withResolvers<void>();
      channel.onmessage = () => done.resolve();
      order({ kind: 'tick', frames });
      await done.promise;
      await inTurn();
    },
    async close() {
      await thread.close();
      channel.close();
    },
  };
}
