import { type JobsOptions, Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { ChannelName, Message } from './alert.ts';

/** One queue a channel: a channel that is down delays nobody but itself. */
export function alertQueueName(channel: ChannelName): string {
  return `alerts-${channel}`;
}

/**
 * Waits between the deliveries of one message: the first three as for any request, then over hours, 8 in all. Older news than that
 * is for the dead letters. Milliseconds.
 */
export const DELIVERY_WAITS_MS: readonly number[] = [5, 10, 20, 60, 300, 900, 1_800, 3_600, 7_200, 14_400].map((seconds) => seconds * 1000);

const DAY_S = 86_400;
const JOB_OPTIONS: JobsOptions = {
  attempts: DELIVERY_WAITS_MS.length + 1,
  backoff: { type: 'custom' },
  // Kept as long as the same message may be handed over twice, and for whoever looks.
  removeOnComplete: { age: 7 * DAY_S, count: 10_000 },
  removeOnFail: { age: 90 * DAY_S },
};

export function createAlertQueue(connection: Redis, prefix: string, channel: ChannelName): Queue<Message> {
  const queue = new Queue<Message>(alertQueueName(channel), {
    ...{ connection, prefix },
    skipWaitingForReady: true,
    defaultJobOptions: JOB_OPTIONS,
  });
  // Told by the connection; without a listener BullMQ would write it to the console itself.
  queue.on('error', () => {});
  return queue;
}

/** Makes a job of each message for each channel. A job that exists already is left alone. */
export async function enqueueMessages(queues: ReadonlyMap<ChannelName, Queue<Message>>, messages: Message[]): Promise<void> {
  for (const [channel, queue] of queues) {
    // That a channel doesn't deliver is told on the others.
    const mine = messages.filter(({ alert }) => alert.kind !== 'dead-letter' || alert.channel !== channel);
    await queue.addBulk(mine.map((message) => ({ name: message.alert.kind, data: message, opts: { jobId: message.id } })));
  }
}
