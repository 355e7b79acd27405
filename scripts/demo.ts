import { createWriteStream, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type App, startApp } from '../src/app.ts';
import { loadConfig } from '../src/config.ts';
import { UserError } from '../src/errors.ts';
import { createLogger } from '../src/logger.ts';
import { startRedis } from '../src/sandbox/redis-server.ts';
import { startWorld, type World } from '../src/sandbox/world.ts';
import { type CallRow, watchCalls } from './demo/call-table.ts';
import { runOutage } from './demo/elevenlabs-503.ts';
import { enqueueDemoContacts } from './demo/enqueue-demo-contacts.ts';
import { printReport } from './demo/report.ts';
import { type Step, timelineSvg } from './demo/timeline.ts';

const USAGE = `npm run demo [-- options]

Calls a dozen people of the sandbox, with everything real but the world outside: Redis, the queue, the worker, the SDKs.

  --scenario elevenlabs-503   shows what happens when ElevenLabs answers 503, step by step, on the real schedule of 5, 10 and 20 s;
                    draws it as data/demo/elevenlabs-503.svg; exits with 0 only if every step was seen
  --speed 10        that scenario ten times as fast

  --ai deepgram-agent   one connection to Deepgram listens, thinks and speaks, instead of three services
  --asterisk real   through a real Asterisk (Debian's, unpacked below data/ without root: 80 MB the first time)
  --stay            keep Bull Board and the recordings up until Ctrl-C
  --help`;

/** A fixed password would be one that somebody uses for real; this one is printed, and lives as long as the demo. */
const WEB_PASSWORD = Math.random().toString(36).slice(2, 10);
const DATA_DIR = 'data/demo';
/** All of them at a time. */
const CONCURRENCY = 12;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      scenario: { type: 'string' },
      speed: { type: 'string', default: '1' },
      asterisk: { type: 'string', default: 'sandbox' },
      ai: { type: 'string', default: 'pipeline' },
      stay: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  if (values.scenario !== undefined) return showScenario(values.scenario, Number(values.speed));
  const { asterisk, ai } = values;
  if (asterisk !== 'sandbox' && asterisk !== 'real')
    throw new UserError(`--asterisk is "${asterisk}". Expected: sandbox or real.\n\n${USAGE}`);
  if (ai !== 'pipeline' && ai !== 'deepgram-agent')
    throw new UserError(`--ai is "${ai}". Expected: pipeline or deepgram-agent.\n\n${USAGE}`);

  const startedAt = Date.now();
  // A demo that remembers whom it called would call nobody the second time.
  rmSync(DATA_DIR, { recursive: true, force: true });
  mkdirSync(DATA_DIR, { recursive: true });
  const stops: (() => Promise<unknown>)[] = [];
  const stopAll = async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
  };
  process.once('SIGINT', () => void stopAll().then(() => process.exit(130)));
  try {
    console.log(
      `Starting Redis, ${asterisk === 'real' ? 'a real Asterisk' : 'an Asterisk in miniature'}, and the sandbox's services on loopback ...`,
    );
    const redis = await startRedis({ dataDir: DATA_DIR, debianDir: 'data/debian' });
    stops.push(() => redis.stop());
    const world = await startWorld({
      asterisk,
      dataDir: 'data',
      crmContacts: [{ properties: { phone: '+12025550101', firstname: 'Dana', lastname: 'Whitfield' } }],
    });
    stops.push(() => world.stop());
    const parts = { world, redisUrl: redis.url, ai };
    const app = await startWorker(parts);
    stops.push(() => app.stop());
    const rows = await callEverybody(parts);
    const stays = values.stay === true;
    await printReport({ rows, world, app, password: WEB_PASSWORD, dataDir: DATA_DIR, tookMs: Date.now() - startedAt, redis, stays });
    if (stays) await new Promise(() => console.log('Ctrl-C ends it.'));
    return rows.every((row) => row.disposition !== undefined && row.disposition !== 'failed') ? 0 : 1;
  } finally {
    await stopAll();
  }
}

/** The story of an outage, told as it happens. */
async function showScenario(name: string, speed: number): Promise<number> {
  if (name !== 'elevenlabs-503') throw new UserError(`There is no scenario "${name}". There is: elevenlabs-503.`);
  if (!(speed >= 1 && speed <= 20)) throw new UserError(`--speed is not usable. Expected: a number from 1 (real time) to 20.`);
  rmSync(DATA_DIR, { recursive: true, force: true });
  mkdirSync(DATA_DIR, { recursive: true });
  const redis = await startRedis({ dataDir: DATA_DIR, debianDir: 'data/debian' });
  try {
    console.log(`ElevenLabs answers 503 (${speed === 1 ? 'real time, about two minutes' : `${speed} times as fast`})\n`);
    const onStep = ({ text, atMs }: Step) => console.log(`${(atMs / 1000).toFixed(1).padStart(7)} s  ✓ ${text}`);
    const { steps, missed } = await runOutage({ redisUrl: redis.url, dataDir: DATA_DIR, speed, onStep });
    const picture = join(DATA_DIR, `${name}.svg`);
    writeFileSync(picture, timelineSvg(`ElevenLabs answers 503${speed === 1 ? '' : `, ${speed} times as fast`}`, steps));
    console.log(`\nDrawn in ${picture}; the worker's log is ${DATA_DIR}/outage.log`);
    if (missed === undefined) return 0;
    console.error(`\nNOT SEEN: ${missed.text}: ${missed.why}`);
    return 1;
  } finally {
    await redis.stop();
  }
}

interface DemoParts {
  world: World;
  redisUrl: string;
  ai: string;
}

function demoConfig({ world, redisUrl, ai }: DemoParts) {
  return loadConfig(['call', 'delivery', 'web'], {
    ...world.settings,
    REDIS_URL: redisUrl,
    // Where there is no Redis, the demo's own keeps nothing.
    REDIS_DISPOSABLE: 'true',
    DATA_DIR,
    WEB_PORT: '0',
    WEB_PASSWORD,
    CALL_CONCURRENCY: String(CONCURRENCY),
    // Whom the trunk refused is dialled again after the show.
    HELD_BACK_WAIT: '300000',
    AI: ai,
  });
}

function startWorker(parts: DemoParts): Promise<App> {
  const config = demoConfig(parts);
  const file = createWriteStream(join(DATA_DIR, 'demo.log'));
  const log = createLogger({ level: 'info', secrets: config.secrets, write: (line) => void file.write(line) });
  return startApp(config, ['call', 'delivery', 'web'], log);
}

async function callEverybody(parts: DemoParts): Promise<CallRow[]> {
  const config = demoConfig(parts);
  const watch = await watchCalls(parts.redisUrl, config.queuePrefix);
  try {
    await enqueueDemoContacts(config, parts.world.dialString);
    return await watch.allEnded();
  } finally {
    await watch.close();
  }
}

try {
  process.exit(await main());
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  console.error(error.message);
  process.exit(1);
}
