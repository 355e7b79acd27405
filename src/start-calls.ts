import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cancelAttempt } from './call/cancel-attempt.ts';
import { giveUp } from './call/give-up.ts';
import { holdAttempt } from './call/hold-attempt.ts';
import { runCall } from './call/run-call.ts';
import { UserError } from './errors.ts';
import type { Logger } from './logger.ts';
import type { ProcessParts } from './process-parts.ts';
import { createAttemptJobs } from './queue/attempt-jobs.ts';
import { createCallQueue } from './queue/call-queue.ts';
import { createCallWorker } from './queue/call-worker.ts';
import { createCampaignStore } from './queue/campaign-store.ts';
import { createDoNotCall } from './queue/do-not-call.ts';
import { drainWorker } from './queue/drain-worker.ts';
import { createParkWaiting } from './queue/park-waiting.ts';
import { loadElevenLabsSdk } from './services/elevenlabs-client.ts';
import { type AriConnection, createAriConnection } from './telephony/ari-connection.ts';
import { watchAsterisk } from './watch-asterisk.ts';
import { watchTrunks } from './watch-trunks.ts';
import { wireCalls } from './wire-calls.ts';
import { startLedger } from './wire-ledger.ts';
import { startMedia } from './wire-media.ts';
import { fenceServices } from './wire-services.ts';
import { startSweep } from './wire-sweep.ts';

/** How long the start waits for an Asterisk that isn't there yet. Milliseconds. */
const ASTERISK_START_MS = 15_000;

/** Places the calls: Asterisk, the ledger, the media, and the worker of the queue. */
export async function startCalls(parts: ProcessParts): Promise<void> {
  const { config, log, redis, keys, durability, raw, fences, alerts, health, onStop } = parts;
  const { vitalSigns } = health;
  const { url, username, password, app, deadlineMs } = config.ari;
  const asterisk = createAriConnection({ url, username, password, app, logger: log, requestTimeoutMs: deadlineMs });
  onStop('asterisk connection', () => asterisk.close());
  let activeCalls = 0;
  vitalSigns.report({
    ari: () => ({ state: asterisk.state, since: asterisk.since, lastHeardAt: asterisk.lastHeardAt }),
    activeCalls: () => activeCalls,
  });
  asterisk.onState(vitalSigns.changed);
  const watch = watchAsterisk(asterisk, fences.breakers, fences.policy);
  onStop('watch over Asterisk', async () => watch.stop());
  const trunks = watchTrunks({ asterisk, breakers: fences.breakers, everyMs: config.healthIntervalMs, log });
  onStop('watch over trunks', async () => trunks.stop());
  // Before the first call: loading it stops everything else for a second or more, and a lock that isn't renewed is lost.
  if ([...raw.textToSpeech, ...raw.speechToText].some(({ name }) => name.startsWith('elevenlabs:'))) await loadElevenLabsSdk();
  await reachAsterisk(asterisk);
  const media = await startMedia({ config, asterisk, log });
  onStop('media', media.stop);
  vitalSigns.report({
    audiosocket: () => (media.audioSocket === undefined ? 'disabled' : media.audioSocket.stale ? 'stale' : 'listening'),
  });
  await mkdir(join(config.dataDir, 'recordings'), { recursive: true });

  const keeping = startLedger({ config, redis, keys, durability, log });
  onStop('ledger', keeping.stop);
  const { ledger, leases } = keeping;
  const queue = createCallQueue(redis, keys.prefix);
  onStop('calls queue', () => queue.close());
  const jobs = createAttemptJobs({ redis: keeping.impatient, keys, queue });
  onStop('jobs of redials', jobs.stop);
  const campaigns = createCampaignStore(redis, keys);
  const leave = new AbortController();
  const deps = wireCalls({
    config,
    log,
    leave: leave.signal,
    ledger,
    doNotCall: createDoNotCall(redis, keys, tellOptOutWaits(log), durability),
    // A job that doesn't wait for a later time needs no promotion, and says so.
    lookNow: async (id) =>
      void (await queue
        .getJob(id)
        .then((job) => job?.promote())
        .catch(() => {})),
    redialWritten: jobs.redialWritten,
    campaigns,
    asterisk,
    media,
    services: fenceServices({ config, raw, fences, log }),
    breakers: fences.breakers,
    policy: fences.policy,
    trunks,
    alerts,
    parkWaiting: createParkWaiting(redis, queue),
  });
  const cancel = (attemptId: string, reason: string) => cancelAttempt(attemptId, reason, deps);
  const sweep = await startSweep({ ledger, leases, cancel, redis: keeping.impatient, queue, jobs, keys, asterisk, log });
  onStop('sweep', sweep.stop);
  const onError = (error: Error) => log.error({ err: error }, `calls queue: ${error.message}`);
  const worker = createCallWorker(
    {
      ...{ connection: redis, prefix: keys.prefix, concurrency: config.callConcurrency, onError },
      onLocksLost: leases.loseLocks,
      countBroken: ledger.broke,
      giveUp: (data, reason) => giveUp(data, reason, deps),
    },
    async (job) => {
      activeCalls += 1;
      return holdAttempt(job, leases, (held) => runCall(held, deps)).finally(() => {
        activeCalls -= 1;
      });
    },
  );
  onStop('call worker', () => drainWorker({ worker, leave, timeoutMs: config.drainTimeoutMs, log }));
  void worker.run().catch(onError);
  log.info({ app, concurrency: config.callConcurrency }, 'call worker started');
}

function tellOptOutWaits(log: Logger) {
  return (error: Error) => log.error({ service: 'redis', err: error }, `an opt-out waits until Redis can be written: ${error.message}`);
}

async function reachAsterisk(asterisk: AriConnection): Promise<void> {
  const timeout = AbortSignal.timeout(ASTERISK_START_MS);
  try {
    await asterisk.waitUntilConnected(timeout);
  } catch (error) {
    if (!timeout.aborted) throw error;
    throw new UserError(
      `Asterisk did not answer at ${asterisk.origin} within ${ASTERISK_START_MS / 1000} s, so no call can be placed. Start it (npm run asterisk -- up brings one up), ` +
        'or correct ARI_URL; its http.conf must have enabled = yes and its ari.conf the user of ARI_USERNAME.',
    );
  }
}
