import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { ChannelName, Message } from '../../../src/alerts/alert.ts';
import { createAlertQueue as createTrueAlertQueue } from '../../../src/alerts/alert-queues.ts';

export { alertQueueName, DELIVERY_WAITS_MS, enqueueMessages } from '../../../src/alerts/alert-queues.ts';

/** What a channel doesn't take at once, it never gets. */
export function createAlertQueue(connection: Redis, prefix: string, channel: ChannelName): Queue<Message> {
  const queue = createTrueAlertQueue(connection, prefix, channel);
  const addBulk = queue.addBulk.bind(queue);
  queue.addBulk = (jobs) => addBulk(jobs.map((job) => ({ ...job, opts: { ...job.opts, attempts: 1 } })));
  return queue;
}
