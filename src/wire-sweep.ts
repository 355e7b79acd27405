import { createHash } from 'node:crypto';
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { CallJobData } from './call/call-job.ts';
import { isCovered, type NamedOwner, ownerOf } from './call/channel-id.ts';
import type { Logger } from './logger.ts';
import type { AttemptJobs } from './queue/attempt-jobs.ts';
import type { CallJobResult } from './queue/call-queue.ts';
import type { Keys } from './queue/keys.ts';
import type { Leases } from './queue/leases.ts';
import type { Ledger } from './queue/ledger.ts';
import { createLedgerSweep } from './queue/ledger-sweep.ts';
import { sleep } from './sleep.ts';
import type { AriConnection } from './telephony/ari-connection.ts';
import { sweepOrphans } from './telephony/orphan-sweep.ts';

/** With a lease of 5 s a dead worker's channels are gone after 9 s. Milliseconds. */
const SWEEP_EVERY_MS = 4_000;
/** Whoever comes first sweeps; for so long nobody else does. Milliseconds. */
const TURN_MS = 3_500;

export interface SweepParts {
  /** Its commands may fail in time. */
  redis: Redis;
  /** On a connection whose commands wait: BullMQ's first one asks for Redis' version, and a queue for which that failed once fails for ever. */
  queue: Queue<CallJobData, CallJobResult>;
  jobs: AttemptJobs;
  keys: Keys;
  ledger: Ledger;
  /** Ends an attempt that nobody is to dial any more. */
  cancel: (attemptId: string, reason: string) => Promise<unknown>;
  leases: Leases;
  asterisk: AriConnection;
  log: Logger;
}

/** Sweeps at once and from then on, in turns with the other processes: the ledger together, each Asterisk among those who use it. */
export async function startSweep({
  redis,
  queue,
  jobs,
  keys,
  ledger,
  cancel,
  leases,
  asterisk,
  log,
}: SweepParts): Promise<{ stop(): Promise<void> }> {
  const installation = await ledger.installation();
  const ledgerSweep = createLedgerSweep({ redis, keys, queue, jobs, cancel, log });
  const stopping = new AbortController();

  const areLiving = async (owners: NamedOwner[]) => {
    const found = await leases.living(owners.map(({ attemptId }) => attemptId));
    if (found === undefined) return undefined;
    const putThrough = await ledger.arePutThrough(owners.map(({ attemptId }) => attemptId));
    return owners.map((owner, index) => {
      // Two who talk have the time of their dead-man's switch to be taken over.
      if (putThrough[index] && owner.part !== 'media') return true;
      // A renewal that is late must not cost this process its own calls.
      return isCovered(found[index] ?? '', owner) || leases.isUnderWay(owner.attemptId);
    });
  };
  const inTurn = async (what: string, sweep: () => Promise<unknown>) => {
    try {
      if ((await redis.set(keys.sweeping(what), installation, 'PX', TURN_MS, 'NX')) === 'OK') await sweep();
    } catch (error) {
      if (!stopping.signal.aborted) log.warn({ err: error }, `sweeping ${what} failed; tried again in ${SWEEP_EVERY_MS / 1000} s`);
    }
  };
  const sweepAsterisk = () => sweepOrphans({ connection: asterisk, ownerOf: (id) => ownerOf(installation, id), areLiving, logger: log });
  // Two addresses of one Asterisk are swept twice, which does no harm.
  const place = `asterisk-${createHash('sha256').update(asterisk.origin).digest('hex').slice(0, 8)}`;

  const running = (async () => {
    while (!stopping.signal.aborted) {
      await Promise.all([
        inTurn('ledger', () => ledgerSweep.sweep()),
        asterisk.state === 'connected' ? inTurn(place, sweepAsterisk) : undefined,
      ]);
      await sleep(SWEEP_EVERY_MS, stopping.signal).catch(() => {});
    }
  })();
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
