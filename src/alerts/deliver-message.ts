import { type Job, type Queue, RateLimitError, UnrecoverableError } from 'bullmq';
import { ServiceError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { Alert, Message } from './alert.ts';
import type { Channel } from './channel.ts';
import { writeDeadLetter } from './dead-letters.ts';
import { type RenderOptions, renderMessage } from './render.ts';

export interface Delivery extends RenderOptions {
  channel: Channel;
  /** The channel's own. */
  queue: Queue<Message>;
  /** Waits between deliveries of one message. Milliseconds. */
  waitsMs: readonly number[];
  /** How long one sending may take. Milliseconds. */
  deadlineMs: number;
  deadLetterDir: string;
  raise: (alert: Alert) => void;
  log: Pick<Logger, 'info' | 'warn' | 'error'>;
  clock: () => number;
  signal: AbortSignal | undefined;
}

/** A rate limit that is never lifted must not keep a message for ever: about as long as the waits in all. Milliseconds. */
const MAX_AGE_MS = 12 * 3_600_000;

/** One delivery sends once; what fails is tried again for hours, and then becomes a dead letter. */
export async function deliverMessage(job: Job<Message>, delivery: Delivery): Promise<void> {
  const { channel, signal, deadlineMs, log } = delivery;
  const deadline = AbortSignal.timeout(deadlineMs);
  try {
    await channel.send(renderMessage(job.data, delivery), signal ? AbortSignal.any([signal, deadline]) : deadline);
    log.info({ channel: channel.name, alert: job.data.alert.kind, message: job.data.id }, 'alert sent');
  } catch (error) {
    await afterFailure(job, error instanceof Error ? error : new Error(String(error)), delivery);
  }
}

/** Always throws: BullMQ reads from the error what becomes of the job. */
async function afterFailure(job: Job<Message>, failure: Error, delivery: Delivery): Promise<never> {
  const { channel, waitsMs, log } = delivery;
  const known = failure instanceof ServiceError ? failure : undefined;
  const tooOld = Date.now() - job.timestamp > MAX_AGE_MS;
  if (known?.category === 'rate-limited' && !tooOld) return waitAsTold(known, delivery);
  const facts = { channel: channel.name, service: known?.service ?? channel.name, message: job.data.id, err: failure };
  if (known?.category === 'transient' && !tooOld && job.attemptsMade < waitsMs.length) {
    log.warn(facts, `an alert was not sent, it will be tried again: ${failure.message}`);
    throw failure;
  }
  log.error(facts, `an alert could not be sent, it is a dead letter now: ${failure.message}`);
  await keepDeadLetter(job.data, failure.message, delivery);
  throw new UnrecoverableError(failure.message);
}

/** The whole channel waits: the next message would be refused as well. It costs this one no delivery. */
async function waitAsTold({ retryAfterMs = 30_000 }: ServiceError, { queue, channel, log }: Delivery): Promise<never> {
  log.warn({ channel: channel.name, waitMs: retryAfterMs }, 'the channel is told to wait');
  await queue.rateLimit(retryAfterMs);
  throw new RateLimitError();
}

async function keepDeadLetter(message: Message, reason: string, { channel, deadLetterDir, raise, log, clock }: Delivery): Promise<void> {
  const at = clock();
  try {
    await writeDeadLetter(deadLetterDir, channel.name, { at: new Date(at).toISOString(), reason, message });
  } catch (error) {
    log.error({ err: error }, `the dead letter could not be written to ${deadLetterDir}; the queue still has it as a failed job`);
  }
  // That such a message fails too is told nobody: it would go round in circles.
  if (message.alert.kind !== 'dead-letter') raise({ kind: 'dead-letter', channel: channel.name, count: 1, reason, at });
}
