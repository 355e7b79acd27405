import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, styleText } from 'node:util';
import { loadConfig } from '../../src/config.ts';
import { startAsteriskSandbox } from '../../src/sandbox/asterisk/asterisk-sandbox.ts';
import { startElevenLabsSandbox } from '../../src/sandbox/elevenlabs/elevenlabs-sandbox.ts';
import { startHubSpotSandbox } from '../../src/sandbox/hubspot/hubspot-sandbox.ts';
import { startOpenAiSandbox } from '../../src/sandbox/openai/openai-sandbox.ts';
import { loadPeople, type People } from '../../src/sandbox/people/people.ts';
import { startRedis } from '../../src/sandbox/redis-server.ts';
import { sleep } from '../../src/sleep.ts';
import { openContactSink } from '../../src/wire-producer.ts';
import { shortCampaign } from './campaign.ts';
import { createProgress, printTable } from './report.ts';
import type { Gauges } from './soak-worker.ts';

const USAGE = `npm run test:soak [-- options]

Calls after calls in the sandbox; then the worker's memory, sockets, timers and listeners must be where they were.

  --minutes n   how long   (default: 10)
  --help`;

/** A call at a time for each; more would measure the machine. */
const CONCURRENCY = 20;
const BATCH = 100;
/** Connections that are kept open for the next request are closed after 5 s without one, some after 15. Milliseconds. */
const QUIET_MS = 20_000;
/** What the first calls load and compile is not a leak: so many of them come before the first look. */
const WARM_UP_BATCHES = 2;
/** Room for what garbage collection leaves about. Bytes. */
const HEAP_SLACK = 24 * 1024 * 1024;
/** Pages that the allocator keeps for later. Bytes. */
const RESIDENT_SLACK = 96 * 1024 * 1024;
/** A kept connection or a timer more or less, whenever one looks. */
const RESOURCE_SLACK = 6;

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' }, help: { type: 'boolean', default: false } } });

/** Everybody in the country: most are busy, every fourth answers and hangs up soon. */
function endlessPeople(): People {
  const people = loadPeople(join(import.meta.dirname, 'people.yaml'));
  const byNumber = (number: string) => ({ ...people.byRole(Number(number) % 4 === 0 ? 'brief' : 'busy'), number });
  return { ...people, byNumber };
}

async function startSoak() {
  const dir = await mkdtemp(join(tmpdir(), 'ringfence-soak-'));
  const redis = await startRedis({ dataDir: dir, debianDir: join(import.meta.dirname, '../../data/debian') });
  const asterisk = await startAsteriskSandbox({ people: endlessPeople(), endpoints: ['PJSIP/trunk'] });
  const elevenLabs = await startElevenLabsSandbox({ apiKey: 'soak-elevenlabs' });
  const openAi = await startOpenAiSandbox({ apiKey: 'soak-openai' });
  const hubSpot = await startHubSpotSandbox({ accessToken: 'soak-hubspot' });
  const settings = {
    REDIS_URL: redis.url,
    QUEUE_PREFIX: 'soak',
    DATA_DIR: join(dir, 'data'),
    ARI_URL: asterisk.url,
    ARI_USERNAME: asterisk.username,
    ARI_PASSWORD: asterisk.password,
    ARI_APP: 'soak',
    ELEVENLABS_API_KEY: 'soak-elevenlabs',
    ELEVENLABS_BASE_URL: elevenLabs.url,
    OPENAI_API_KEY: 'soak-openai',
    OPENAI_BASE_URL: openAi.baseUrl,
    HUBSPOT_ACCESS_TOKEN: 'soak-hubspot',
    HUBSPOT_BASE_URL: hubSpot.url,
    CALL_CONCURRENCY: String(CONCURRENCY),
  };
  const worker = fork(join(import.meta.dirname, 'soak-worker.ts'), {
    execArgv: ['--expose-gc'],
    env: { PATH: '/usr/bin:/bin', ...settings },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let warnings = '';
  worker.stderr?.on('data', (chunk: Buffer) => (warnings += chunk.toString()));
  worker.stdout?.pipe(createWriteStream(join(tmpdir(), `ringfence-soak-${process.pid}.log`)));
  await once(worker, 'message');
  return {
    worker,
    hubSpot,
    asterisk,
    settings,
    warnings: () => warnings,
    async stop() {
      worker.disconnect();
      await once(worker, 'exit');
      for (const server of [hubSpot, openAi, elevenLabs, asterisk]) await server.close();
      await redis.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function measure(worker: ChildProcess): Promise<Gauges> {
  await sleep(QUIET_MS);
  worker.send('measure');
  const [gauges] = (await once(worker, 'message')) as [Gauges];
  return gauges;
}

type Soak = Awaited<ReturnType<typeof startSoak>>;

async function call(soak: Soak, from: number): Promise<void> {
  const sink = await openContactSink(loadConfig(['enqueue'], soak.settings), await shortCampaign('PJSIP/{e164}@trunk'));
  const contacts = Array.from({ length: BATCH }, (_, index) => ({
    phone: `+1202${5_000_000 + from + index}`,
    name: 'Somebody',
    timeZones: ['UTC'],
    variables: {},
  }));
  await sink.add(contacts, { update: false, dryRun: false });
  await sink.close();
  while (soak.hubSpot.rows.length < from + BATCH) await sleep(100);
}

/** What is not where it was. */
function compare(before: Gauges, after: Gauges): { step: string; signal: string; verdict: string }[] {
  const megabytes = (bytes: number) => `${(bytes / 1024 / 1024).toFixed(1)} MB`;
  const row = (step: string, from: number, to: number, slack: number, show: (value: number) => string = String) => ({
    step,
    signal: `${show(from)} -> ${show(to)}`,
    verdict: to <= from + slack ? 'kept' : styleText('red', 'grew'),
  });
  const kinds = [...new Set([...Object.keys(before.resources), ...Object.keys(after.resources)])].sort();
  return [
    row('memory', before.heap, after.heap, HEAP_SLACK, megabytes),
    row('memory of the process', before.resident, after.resident, RESIDENT_SLACK, megabytes),
    row('listeners', before.listeners, after.listeners, 0),
    ...kinds.map((kind) => row(kind, before.resources[kind] ?? 0, after.resources[kind] ?? 0, RESOURCE_SLACK)),
  ];
}

async function main(): Promise<number> {
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const soak = await startSoak();
  try {
    let calls = 0;
    const batch = async () => {
      await call(soak, calls);
      calls += BATCH;
    };
    for (let done = 0; done < WARM_UP_BATCHES; done++) await batch();
    const before = await measure(soak.worker);
    const seconds = Math.round(Number(values.minutes) * 60);
    const progress = createProgress(seconds);
    const startedAt = Date.now();
    for (let passed = 0; passed < seconds; ) {
      await batch();
      const now = Math.min(seconds, Math.round((Date.now() - startedAt) / 1000));
      progress.tick(0, now - passed);
      passed = now;
    }
    progress.stop();
    const rows = compare(before, await measure(soak.worker));
    const leaks = /MaxListenersExceededWarning/.test(soak.warnings()) ? 1 : 0;
    if (leaks > 0) rows.push({ step: 'warnings', signal: '', verdict: styleText('red', soak.warnings().slice(0, 200)) });
    const [channels, bridges] = [soak.asterisk.channels().length, soak.asterisk.bridges().length];
    rows.push({
      step: 'channels and bridges left',
      signal: `${channels + bridges}`,
      verdict: channels + bridges === 0 ? 'kept' : styleText('red', 'left behind'),
    });
    printTable(rows);
    const grown = rows.filter(({ verdict }) => verdict !== 'kept').length;
    console.log(styleText(grown === 0 ? 'green' : 'red', `${calls} calls, ${grown} violations`));
    return grown === 0 ? 0 : 1;
  } finally {
    await soak.stop();
  }
}

process.exit(await main());
