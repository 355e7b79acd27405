import { styleText } from 'node:util';
import { QueueEvents } from 'bullmq';
import { Redis } from 'ioredis';
import { createLogUpdate } from 'log-update';
import { CALL_QUEUE, createCallQueue } from '../../src/queue/call-queue.ts';

export interface CallRow {
  attemptId: string;
  name: string;
  phone: string;
  state: string;
  lastWords: string;
  disposition: string | undefined;
  reason: string;
  talkSeconds: number | undefined;
  /** When this contact is dialled again. Unix milliseconds. */
  redialAt: number | undefined;
}

export interface CallWatch {
  /** Resolves when every call has ended. */
  allEnded(): Promise<CallRow[]>;
  close(): Promise<void>;
}

const REFRESH_MS = 150;

/** Follows the calls as an operator would, through the queue alone, and draws them while they go on. */
export async function watchCalls(redisUrl: string, prefix: string): Promise<CallWatch> {
  const redis = new Redis(redisUrl, { maxRetriesPerRequest: null });
  const queue = createCallQueue(redis, prefix);
  const events = new QueueEvents(CALL_QUEUE, { connection: { url: redisUrl }, prefix });
  await events.waitUntilReady();
  const rows = new Map<string, CallRow>();

  async function refresh(): Promise<void> {
    const jobs = await queue.getJobs(['waiting', 'active', 'delayed', 'completed', 'failed']);
    // A contact is shown by its first attempt; a further one is due minutes later.
    const redials = new Map(jobs.filter(({ data }) => data.attempt === 2).map((job) => [job.data.phone, job.timestamp + job.delay]));
    for (const job of jobs) {
      if (job.id === undefined || job.data.attempt > 1) continue;
      const { logs } = await queue.getJobLogs(job.id);
      const said = logs.findLast((line) => / (agent|callee): /.test(line));
      const progress = job.progress as { state?: string };
      rows.set(job.id, {
        attemptId: job.id,
        name: job.data.name ?? '',
        phone: job.data.phone,
        state: progress.state ?? 'waiting',
        lastWords: said?.replace(/^\S+ /, '') ?? '',
        disposition: job.failedReason ? 'failed' : job.returnvalue?.disposition,
        reason: job.failedReason ?? job.returnvalue?.reason ?? '',
        talkSeconds: job.returnvalue?.talkSeconds,
        redialAt: redials.get(job.data.phone),
      });
    }
  }

  return {
    async allEnded() {
      const draw = process.stdout.isTTY ? createLogUpdate(process.stdout) : createPlainLog();
      for (;;) {
        await refresh();
        const all = [...rows.values()].sort((a, b) => a.phone.localeCompare(b.phone));
        draw(all.map(line).join('\n'));
        if (all.length > 0 && all.every((row) => row.disposition !== undefined)) {
          draw.done();
          return all;
        }
        await new Promise((resolve) => setTimeout(resolve, REFRESH_MS));
      }
    },
    async close() {
      await events.close();
      await queue.close();
      await redis.quit();
    },
  };
}

const COLOURS = { waiting: 'gray', preparing: 'gray', dialing: 'yellow', ringing: 'yellow', talking: 'green' } as const;

function line(row: CallRow): string {
  const state = row.disposition ?? row.state;
  const colour =
    row.disposition === undefined ? (COLOURS[row.state as keyof typeof COLOURS] ?? 'gray') : row.disposition === 'failed' ? 'red' : 'cyan';
  const width = Math.max(20, (process.stdout.columns ?? 120) - 42);
  const words = row.lastWords.length > width ? `…${row.lastWords.slice(-width + 1)}` : row.lastWords;
  return `${row.name.slice(0, 18).padEnd(19)}${styleText(colour, state.padEnd(15))} ${words}`;
}

/** Where there is no terminal to draw in, a line for each change. */
function createPlainLog(): ((text: string) => void) & { done(): void } {
  const seen = new Set<string>();
  const print = (text: string) => {
    for (const row of text.split('\n')) {
      if (row === '' || seen.has(row)) continue;
      seen.add(row);
      console.log(row);
    }
  };
  return Object.assign(print, { done: () => {} });
}
