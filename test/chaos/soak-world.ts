import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
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
import type { Question } from './gauges.ts';
import type { Gauges } from './soak-worker.ts';

/** A call at a time for each; more would measure the machine. */
const CONCURRENCY = 20;

/** A worker, and a world for it that never runs out of people. */
export interface SoakWorld {
  /** Calls so many more people, and waits until each is told of. */
  call(people: number): Promise<void>;
  readonly calls: number;
  /** What the worker holds now. */
  ask(question: Question): Promise<Gauges>;
  /** What Node wrote to the worker's standard error. */
  warnings(): string;
  /** Channels and bridges that live. */
  leftInAsterisk(): number;
  stop(): Promise<void>;
}

/** Everybody in the country: most are busy, every fourth answers and hangs up soon. */
function endlessPeople(): People {
  const people = loadPeople(join(import.meta.dirname, 'people.yaml'));
  const byNumber = (number: string) => ({ ...people.byRole(Number(number) % 4 === 0 ? 'brief' : 'busy'), number });
  return { ...people, byNumber };
}

export async function startSoakWorld(): Promise<SoakWorld> {
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
  const { worker, warnings } = await startWorker(settings);
  let calls = 0;
  return {
    get calls() {
      return calls;
    },
    warnings,
    leftInAsterisk: () => asterisk.channels().length + asterisk.bridges().length,
    async call(people) {
      const sink = await openContactSink(loadConfig(['enqueue'], settings), await shortCampaign('PJSIP/{e164}@trunk'));
      const contacts = Array.from({ length: people }, (_, index) => ({
        phone: `+1202${5_000_000 + calls + index}`,
        name: 'Somebody',
        timeZones: ['UTC'],
        variables: {},
      }));
      await sink.add(contacts, { update: false, dryRun: false });
      await sink.close();
      calls += people;
      while (hubSpot.rows.length < calls) await sleep(100);
    },
    async ask(question) {
      worker.send(question);
      const [gauges] = (await once(worker, 'message')) as [Gauges];
      return gauges;
    },
    async stop() {
      worker.disconnect();
      await once(worker, 'exit');
      for (const server of [hubSpot, openAi, elevenLabs, asterisk]) await server.close();
      await redis.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function startWorker(settings: Record<string, string>): Promise<{ worker: ChildProcess; warnings: () => string }> {
  const worker = fork(join(import.meta.dirname, 'soak-worker.ts'), {
    execArgv: ['--expose-gc'],
    env: {
      PATH: '/usr/bin:/bin',
      NODE_OPTIONS: `--import=${pathToFileURL(join(import.meta.dirname, 'soak-thread.ts')).href}`,
      ...settings,
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let warnings = '';
  worker.stderr?.on('data', (chunk: Buffer) => (warnings += chunk.toString()));
  worker.stdout?.pipe(createWriteStream(join(tmpdir(), `ringfence-soak-${process.pid}.log`)));
  await once(worker, 'message');
  return { worker, warnings: () => warnings };
}
