import { sleep } from '../../src/sleep.ts';
import { createBoundaryCounter } from './boundaries.ts';
import { type ChaosRun, startChaosRun } from './chaos-run.ts';
import { checkTelling } from './check-telling.ts';
import type { Crossing, Verdict } from './fault-proxy.ts';
import { type HistoryOptions, logsOf } from './histories.ts';
import { check, type Violation } from './sightings.ts';
import type { Listeners } from './telling.ts';
import type { WiredWorker } from './wired-worker.ts';

const KINDS = [
  'worker killed',
  'worker frozen',
  'Redis killed',
  'Redis silent after a write',
  'Asterisk request lost',
  'Asterisk answer lost',
  'Asterisk late',
  'event socket dropped',
  'event socket half-open',
  'Asterisk restarted',
  'CRM writes, then answers 502',
  'text-to-speech down',
  'Telegram down',
  'mail server down',
  'alert webhook down',
  'outcome webhook down',
  'spreadsheet writes, then answers 502',
] as const;

export interface RandomFault {
  kind: (typeof KINDS)[number];
  /** Happens when so many boundaries have been crossed, all workers together. */
  after: number;
  /** How long it lasts. Milliseconds. */
  forMs: number;
}

/** mulberry32: small, and the same numbers for the same seed everywhere. */
function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Three calls without faults cross about this many boundaries. */
const CROSSINGS = 350;

/** What goes wrong under this seed; the same every time. */
export function planFaults(seed: number): RandomFault[] {
  const random = createRandom(seed);
  const count = 1 + Math.floor(random() * 6);
  return Array.from({ length: count }, () => ({
    kind: KINDS[Math.floor(random() * KINDS.length)] ?? 'worker killed',
    after: 1 + Math.floor(random() ** 2 * CROSSINGS),
    forMs: 1_000 + Math.floor(random() * 9_000),
  })).sort((one, other) => one.after - other.after);
}

export interface FaultsVerdict {
  faults: readonly RandomFault[];
  /** How many of them came to pass; the calls may be over before the last. */
  happened: number;
  violations: Violation[];
  tookMs: number;
}

export interface RandomVerdict extends FaultsVerdict {
  seed: number;
}

const CONTACTS = 4;
/** Refused requests after which some breaker must have opened: each of two workers bears three in a row. */
const MANY = 12;

export interface FaultOptions extends HistoryOptions {
  /** How many there are at first. Default 2. */
  workers?: number;
}

/** Four contacts, two workers, and what the seed does to them. */
export async function runSeed(seed: number, options: FaultOptions): Promise<RandomVerdict> {
  return { seed, ...(await runFaults(planFaults(seed), options)) };
}

/** The same with these faults. */
export async function runFaults(faults: readonly RandomFault[], options: FaultOptions): Promise<FaultsVerdict> {
  const startedAt = Date.now();
  const run = await startChaosRun({ ...options, listening: true });
  try {
    const happened = await play(run, faults, options);
    const refused = run.world.elevenLabs.faults.requests.filter(({ fault }) => fault === 'status').length;
    const seen = { ...(await run.sightings()), mayFail: refused > 0 };
    const told = run.world.listeners?.told();
    const brokeDown = refused >= MANY ? ['elevenlabs:text-to-speech'] : [];
    const violations = [...check(seen), ...(told === undefined ? [] : checkTelling({ ...seen, told, brokeDown }))];
    if (violations.length > 0) options.onLogs?.(await logsOf(run));
    return { faults, happened, violations, tookMs: Date.now() - startedAt };
  } finally {
    await run.close();
  }
}

async function play(run: ChaosRun, faults: readonly RandomFault[], { broken, workers = 2 }: FaultOptions): Promise<number> {
  const left = [...faults];
  const underWay = new Set<Promise<unknown>>();
  let crossed = 0;
  /** Faults on the wire that have not met what they wait for. */
  let unmet = 0;
  let armed = false;

  const start = async (): Promise<WiredWorker> => {
    const count = createBoundaryCounter();
    const waiting: RandomFault[] = [];
    const worker = await run.startWorker({ broken });
    worker.decide = (service, crossing) => {
      if (!armed || count(service, crossing) === undefined) return 'pass';
      crossed += 1;
      while (left[0] !== undefined && left[0].after <= crossed) {
        const fault = left.shift() as RandomFault;
        if (!isOfTheWire(fault)) {
          follow(strike(fault, worker));
          continue;
        }
        waiting.push(fault);
        unmet += 1;
      }
      const here = waiting.findIndex((fault) => concerns(fault, service, crossing));
      const [fault] = here < 0 ? [] : waiting.splice(here, 1);
      if (fault === undefined) return 'pass';
      unmet -= 1;
      return loseOnTheWire(fault, service, worker);
    };
    return worker;
  };
  const follow = (work: Promise<unknown>) => {
    const followed = work.catch(() => undefined).finally(() => underWay.delete(followed));
    underWay.add(followed);
  };

  const strike = async (fault: RandomFault, worker: WiredWorker) => {
    switch (fault.kind) {
      case 'worker killed':
        await worker.kill();
        return (await start()).ready();
      case 'worker frozen':
        worker.freeze();
        // Longer than any lease.
        await sleep(8_000 + fault.forMs);
        return worker.thaw();
      case 'Redis killed':
        await run.killRedis();
        await sleep(fault.forMs);
        return run.restartRedis();
      case 'Asterisk late':
        worker.route('asterisk').delay(fault.forMs / 3);
        await sleep(fault.forMs);
        return worker.route('asterisk').delay(0);
      case 'event socket dropped':
        return worker.route('asterisk').cut('events');
      case 'event socket half-open':
        worker.route('asterisk').silence('events');
        await sleep(fault.forMs);
        return worker.route('asterisk').heal();
      case 'Asterisk restarted':
        return run.world.restartAsterisk(fault.forMs / 4);
      case 'CRM writes, then answers 502':
        return run.world.hubSpot.faults.set({ kind: 'apply-then-status', status: 502 }, { path: /upsert/, times: 2 });
      case 'text-to-speech down':
        run.world.elevenLabs.faults.set({ kind: 'status', status: 503 }, { path: /text-to-speech/ });
        await sleep(fault.forMs);
        return run.world.elevenLabs.faults.clear();
      case 'spreadsheet writes, then answers 502':
        return run.world.listeners?.sheet.faults.set({ kind: 'apply-then-status', status: 502 }, { path: /append/, times: 2 });
      case 'Telegram down':
      case 'mail server down':
      case 'alert webhook down':
      case 'outcome webhook down':
        return takeDown(run.world.listeners, fault);
      default:
        return undefined;
    }
  };
  const loseOnTheWire = (fault: RandomFault, service: string, worker: WiredWorker): Verdict => {
    follow(sleep(fault.forMs).then(() => worker.route(service).heal()));
    return 'silence';
  };

  for (let started = 0; started < workers; started++) await start();
  await Promise.all(run.workers.map((worker) => worker.ready()));
  armed = true;
  await run.enqueue(CONTACTS);
  await run.goOn(() => left.length === 0 && unmet === 0 && underWay.size === 0);
  armed = false;
  while (underWay.size > 0) await Promise.all(underWay);
  for (const worker of run.workers) for (const { proxy } of worker.routes) proxy.heal();
  if (!run.workers.some((worker) => worker.running)) await (await start()).ready();
  run.faultIsOver();
  await run.settle();
  return faults.length - left.length;
}

/** For so long nobody hears anything there. */
async function takeDown(listeners: Listeners | undefined, { kind, forMs }: RandomFault): Promise<void> {
  if (listeners === undefined) return;
  if (kind === 'mail server down') {
    listeners.mail.set('greeting', { kind: 'code', code: 421 });
    await sleep(forMs);
    return listeners.mail.clear();
  }
  const { telegram, alerts, outcomes } = listeners;
  const { faults } = kind === 'Telegram down' ? telegram : kind === 'alert webhook down' ? alerts : outcomes;
  faults.set({ kind: 'status', status: 503 });
  await sleep(forMs);
  faults.clear();
}

function isOfTheWire({ kind }: RandomFault): boolean {
  return kind === 'Redis silent after a write' || kind === 'Asterisk request lost' || kind === 'Asterisk answer lost';
}

/** Whether this is what the fault waits for. */
function concerns({ kind }: RandomFault, service: string, { side, what }: Crossing): boolean {
  if (kind === 'Redis silent after a write') return service === 'redis' && side === 'answer' && !/^(GET|HGETALL)/.test(what);
  return service === 'asterisk' && side === (kind === 'Asterisk request lost' ? 'request' : 'answer');
}
