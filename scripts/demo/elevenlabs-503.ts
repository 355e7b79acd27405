import { randomUUID } from 'node:crypto';
import { createWriteStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { startApp } from '../../src/app.ts';
import type { Campaign } from '../../src/call/campaign.ts';
import { loadConfig } from '../../src/config.ts';
import { createLogger, type LogLine } from '../../src/logger.ts';
import { createCallQueue } from '../../src/queue/call-queue.ts';
import { elevenLabsErrors } from '../../src/sandbox/elevenlabs/elevenlabs-errors.ts';
import { startWorld, type World } from '../../src/sandbox/world.ts';
import { openContactSink } from '../../src/wire-producer.ts';
import { createTimeline, type Timeline } from './timeline.ts';

export interface OutageOptions {
  redisUrl: string;
  dataDir: string;
  /** 1: the documented schedule, 5/10/20 s. 10: ten times as fast. */
  speed: number;
  /** Hears of every step when it was seen. */
  onStep?: ((step: { text: string; atMs: number }) => void) | undefined;
}

/** Of the calls; the trials of health checks use another. */
const VOICE = 'voice-of-the-campaign';

/** People whose calls are short; the first one's is the call that fails. */
const ROLES = ['hangs-up-early', 'busy', 'rejects', 'invalid-number'] as const;

/**
 * ElevenLabs answers 503, as the outside sees it: the requests that arrive there, the messages that humans get, the phones that
 * ring. Nothing is taken from inside the worker but its log, which is a product too.
 */
export async function runOutage({ redisUrl, dataDir, speed, onStep }: OutageOptions): Promise<Timeline> {
  const scaled = (ms: number) => String(Math.round(ms / speed));
  mkdirSync(dataDir, { recursive: true });
  const world = await startWorld({ asterisk: 'sandbox', dataDir });
  const config = loadConfig(['call', 'health', 'delivery'], {
    ...world.settings,
    REDIS_URL: redisUrl,
    REDIS_DISPOSABLE: 'true',
    QUEUE_PREFIX: `outage-${randomUUID()}`,
    DATA_DIR: dataDir,
    // One at a time, so that one call meets all four failures itself.
    CALL_CONCURRENCY: '1',
    RETRY_INITIAL_DELAY: scaled(5_000),
    HEALTH_INTERVAL: scaled(30_000),
    BREAKER_RESET: scaled(30_000),
    HELD_BACK_WAIT: scaled(10_000),
  });
  const events: LogLine[] = [];
  const file = createWriteStream(join(dataDir, 'outage.log'));
  const log = createLogger({
    level: 'info',
    secrets: config.secrets,
    write: (line) => void file.write(line),
    onEvent: (line) => void events.push(line),
  });
  const redis = new Redis(redisUrl, { maxRetriesPerRequest: null });
  const queue = createCallQueue(redis, config.queuePrefix);
  const app = await startApp(config, ['call', 'health', 'delivery'], log);
  try {
    const sink = await openContactSink(config, campaignOf(world));
    world.elevenLabs.faults.set(elevenLabsErrors.unavailable503);
    const timeline = createTimeline(onStep, 120_000 / Math.min(speed, 4));
    const contacts = ROLES.map((role) => {
      const { number, name } = world.people.byRole(role);
      return { phone: number, name, timeZones: ['America/New_York'], variables: {} };
    });
    await sink.add(contacts, { update: false, dryRun: false });
    await sink.close();
    await watchOutage({ world, queue, events, timeline, seconds: (s) => (s * 1_000) / speed });
    return timeline;
  } finally {
    await app.stop();
    await world.stop();
    await queue.obliterate({ force: true });
    await queue.close();
    await redis.quit();
    file.end();
  }
}

interface Watch {
  world: World;
  queue: ReturnType<typeof createCallQueue>;
  events: LogLine[];
  timeline: Timeline;
  /** Of the documented schedule, in milliseconds at this speed. */
  seconds: (s: number) => number;
}

async function watchOutage({ world, queue, events, timeline, seconds }: Watch): Promise<void> {
  const { elevenLabs, telegram, smtp, webhook, asterisk } = world;
  const posted = (ofCalls: boolean) =>
    elevenLabs.faults.requests.filter(({ method, path }) => method === 'POST' && path.includes(`/text-to-speech/${VOICE}/`) === ofCalls);
  const speech = () => posted(true);
  const told = (kind: keyof typeof HEADLINES) => [
    smtp.mails.some(({ subject }) => HEADLINES[kind].test(subject)),
    telegram.messages.some(({ text }) => HEADLINES[kind].test(text.split('\n', 1)[0] ?? '')),
    webhook.deliveries.some(({ body }) => (body as { type?: string }).type === kind),
  ];
  const jobs = () => queue.getJobs(['waiting', 'active', 'delayed', 'completed', 'failed']);
  const firstNumber = world.people.byRole(ROLES[0]).number;

  await timeline.see('a call is being prepared; ElevenLabs answers its first request with 503', () => speech().length >= 1);
  const startedAt = speech()[0]?.at ?? 0;
  for (const [index, due] of [5, 15, 35].entries()) {
    const nth = index + 2;
    await timeline.see(`request ${nth}, ${due} s after the first (classified as transient, so it is sent again)`, () => {
      const at = speech()[nth - 1]?.at;
      if (at === undefined) return false;
      const wanted = seconds(due);
      if (Math.abs(at - startedAt - wanted) > Math.max(400, wanted * 0.15)) {
        throw new Error(`request ${nth} came ${at - startedAt} ms after the first, not ${wanted}`);
      }
      return true;
    });
  }
  await timeline.see('the call is failed; its reason names the service', async () =>
    (await jobs()).some(
      ({ data, failedReason }) => data.phone === firstNumber && /elevenlabs:text-to-speech.*503/.test(failedReason ?? ''),
    ),
  );
  await timeline.see('the breaker is open', () =>
    events.some(({ event, service }) => event === 'breaker-opened' && service === 'elevenlabs:text-to-speech'),
  );
  await timeline.see('email, Telegram and webhook tell that the breaker is open', () => told('breaker-opened').every(Boolean));
  await timeline.see('email, Telegram and webhook tell of the failed call', () => told('call-failed').every(Boolean));
  await timeline.see('each contact behind it was taken, refused with the name of the service, logged and parked', async () => {
    const parked = (await jobs()).filter(({ data }) => data.phone !== firstNumber);
    const logs = await Promise.all(parked.map(({ id }) => queue.getJobLogs(id ?? '')));
    return logs.every(({ logs: lines }) => lines.some((line) => /not now: elevenlabs:text-to-speech is down/.test(line)));
  });
  await timeline.see(
    'nobody was dialled, no contact was consumed',
    async () => asterisk?.dials.length === 0 && (await queue.getFailedCount()) === 1,
  );
  const before = posted(false).length;
  await timeline.see('health checks go on: one small trial reached ElevenLabs, and failed', () => posted(false).length > before);
  elevenLabs.faults.clear();
  await timeline.see('ElevenLabs is healthy again', () => true);
  await timeline.see('the breaker closes by itself', () =>
    events.some(({ event, service }) => event === 'breaker-closed' && service === 'elevenlabs:text-to-speech'),
  );
  await timeline.see('email, Telegram and webhook tell the recovery', () => told('breaker-closed').every(Boolean));
  await timeline.see('calls resume: everybody who waited is called, once', async () => {
    const dialled = (asterisk?.dials ?? []).map(({ number }) => number);
    return (
      (await queue.getCompletedCount()) === ROLES.length - 1 && new Set(dialled).size === dialled.length && !dialled.includes(firstNumber)
    );
  });
}

/** What the first line of a message says. */
const HEADLINES = {
  'breaker-opened': /can't be used/,
  'call-failed': /failed/,
  'breaker-closed': /(is|are) back after/,
} as const;

function campaignOf({ dialString }: World): Campaign {
  return {
    name: 'outage',
    callerId: '+12025550199',
    dialString,
    defaultCountry: 'US',
    language: 'en-US',
    voice: VOICE,
    greeting: 'Hello {{name}}.',
    disclosure: 'I am an assistant.',
    goodbye: 'Goodbye.',
    goal: 'Remind of the appointment.',
    script: 'Ask whether the appointment still suits.',
    hours: { from: '00:00', to: '24:00' },
    whenServiceDown: 'wait',
    recording: false,
    limits: { answerTimeoutMs: 5_000, maxCallMs: 60_000, maxTurns: 10 },
  };
}
