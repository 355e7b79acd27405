import { BroadcastChannel, isMainThread } from 'node:worker_threads';
import { gaugesOfThisThread, type Question } from './gauges.ts';

/** Where the threads of a soaked process are asked what they hold, and answer. */
export const GAUGES_CHANNEL = 'soak-gauges';

// Loaded into each thread before anything of the product's, by NODE_OPTIONS: a thread that the product starts can be asked, too.
if (!isMainThread) {
  const channel = new BroadcastChannel(GAUGES_CHANNEL);
  channel.onmessage = ({ data: question }: { data: Question }) => channel.postMessage(gaugesOfThisThread(question));
  channel.unref();
}
