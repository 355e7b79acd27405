import { BroadcastChannel, parentPort } from 'node:worker_threads';
import { serveMedia } from '../../../src/media/thread/serve-media.ts';
import { createManualPacer } from '../scripted-audiosocket.ts';
import type { ThreadOrder } from './driven-thread.ts';

/** The media thread as it is, but its AudioSocket clock is the test's, and it dies when it is told to, over the channel of this name. */
export function serveDriven(channelName: string): void {
  const pacer = createManualPacer();
  const channel = new BroadcastChannel(channelName);
  channel.onmessage = ({ data }) => {
    const order = data as ThreadOrder;
    switch (order.kind) {
      case 'tick':
        pacer.tick(order.frames);
        break;
      case 'throw':
        throw new Error('thrown by the test');
      case 'hang':
        for (;;);
      case 'done':
        return;
    }
    channel.postMessage({ kind: 'done' } satisfies ThreadOrder);
  };
  // The port keeps the thread alive, and only that.
  channel.unref();
  if (parentPort) serveMedia(parentPort, { pacer });
}
