import { setImmediate } from 'node:timers/promises';
import { BroadcastChannel } from 'node:worker_threads';
import { type MediaThreadOptions, startMediaThread } from '../../../src/media/thread/media-thread.ts';

export type ThreadOrder = { kind: 'tick'; frames: number } | { kind: 'throw' } | { kind: 'hang' } | { kind: 'done' };

/** A media thread that does what the test says. One at a time in a process. */
export function startDrivenThread(options: Partial<MediaThreadOptions> = {}) {
  const thread = startMediaThread({ logger: { warn() {}, error() {} }, entry: new URL('./driven-entry.ts', import.meta.url), ...options });
  const channel = new BroadcastChannel('media thread under test');
  const order = (message: ThreadOrder) => channel.postMessage(message);
  async function roundTrip(frames: number): Promise<void> {
    const done = Promise.withResolvers<void>();
    channel.onmessage = () => done.resolve();
    order({ kind: 'tick', frames });
    await done.promise;
    await setImmediate();
  }
  return {
    thread,
    order,
    /** Lets so many frames of AudioSocket legs pass; what the thread had to tell by then has arrived. */
    async tick(frames: number): Promise<void> {
      // Two ports have no order between them: what was said on the thread's own port before is surely there after a way forth and back.
      await roundTrip(0);
      await roundTrip(frames);
    },
    async close() {
      await thread.close();
      channel.close();
    },
  };
}
