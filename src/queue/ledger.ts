import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Contact } from '../call/contact.ts';
import type { OutboxEntry } from '../call/outbox-entry.ts';
import type { Outcome } from '../call/outcome.ts';
import type { PutThrough } from '../call/put-through.ts';
import { sleep } from '../sleep.ts';
import { createPlainDurability, type Durability } from './durability.ts';
import { attemptId as attemptIdOf, type Keys, phoneHash } from './keys.ts';
import type { LedgerLeases } from './leases.ts';
import { CANCEL, CLAIM, END, MARK, PUT_THROUGH, RELEASE, UNMARK } from './ledger-scripts.ts';
import { createScript } from './redis.ts';
import { untilWritten } from './until-written.ts';

export type AttemptState = 'queued' | 'claimed' | 'dialing' | 'ended';

/** What the ledger knows of an attempt. */
export type LedgerEntry =
  | {
      state: 'queued' | 'claimed' | 'dialing';
      epoch: number;
      contact: Contact;
      campaign: string;
      number: number;
      /** Whom the callee talks with, or is about to. */
      putThrough?: PutThrough;
    }
  | { state: 'ended'; epoch: number; outcome: Outcome };

export type Claim =
  /**
   * `before` tells how far an earlier owner got: `dialing` means that the phone may have rung. Its channel, if one
   * still lives, has an epoch from `firstEpoch` up to (not including) `epoch`.
   */
  | { kind: 'claimed'; epoch: number; before: 'queued' | 'claimed' | 'dialing'; firstEpoch: number }
  | { kind: 'ended'; outcome: Outcome }
  /** Somebody is at work on it, or may be: to be looked at again after this. */
  | { kind: 'leased'; waitMs: number }
  /** The same number is being called for another attempt, of whatever campaign. */
  | { kind: 'number-busy' }
  | { kind: 'unknown' };

/** The attempt that follows on one that ends; made in the same write. */
export interface Redial {
  campaign: string;
  phone: string;
  /** 2 for the first redial. */
  number: number;
  /** Unix milliseconds. */
  at: number;
}

/**
 * Redis' word on every attempt. Each step is atomic and may be repeated. A step that answers `false` means that the
 * attempt belongs to somebody with a higher epoch, or is not in the state that the step starts from: stop.
 */
export interface Ledger {
  read(attemptId: string): Promise<LedgerEntry | undefined>;
  claim(attemptId: string, phone: string): Promise<Claim>;
  /**
   * Right before `dial`: from here on the phone may ring. False, within the time that the lease has left, also when Redis
   * doesn't answer or refuses: who isn't sure doesn't dial.
   */
  mark(attemptId: string, epoch: number): Promise<boolean>;
  /** Nothing was sent after all. */
  unmark(attemptId: string, epoch: number): Promise<boolean>;
  /** Right before the two hear each other, and again when more is known: whoever takes the call over lets them talk. Undefined: it came to nothing. */
  putThrough(attemptId: string, epoch: number, to: PutThrough | undefined): Promise<boolean>;
  /** Which of these are with a colleague: their channels are nobody's orphans. */
  arePutThrough(attemptIds: readonly string[]): Promise<boolean[]>;
  /** Claimed, but not to be dialled now: it spends no attempt. */
  release(attemptId: string, epoch: number): Promise<boolean>;
  /** Waits for a Redis that can't be written now: what became of a call must not be lost. */
  end(attemptId: string, epoch: number, outcome: Outcome, outbox: OutboxEntry[], redial?: Redial | undefined): Promise<boolean>;
  /** For an attempt that nobody will dial. False when it has been dialled, or somebody is at work on it. */
  cancel(attemptId: string, outcome: Outcome, outbox: OutboxEntry[]): Promise<boolean>;
  /** Every attempt to call this number that has not ended, of whatever campaign. */
  openOf(phone: string): Promise<string[]>;
  /** Counts how often work on this attempt broke off for a reason that nobody foresaw. */
  broke(attemptId: string): Promise<number>;
  /** This installation's id, part of every channel id; made on first use and kept. */
  installation(): Promise<string>;
}

export interface LedgerOptions {
  redis: Redis;
  keys: Keys;
  /** Names the process in the entry, for a human who looks. */
  owner: string;
  /** How long an ended attempt is remembered. Days. */
  days: number;
  leases: LedgerLeases;
  /** What makes claims, marks and ends last. Default: they last as they are acknowledged. */
  durability?: Durability;
  /** Hears, once a time, that an outcome waits for Redis. */
  onWait?: (error: Error) => void;
}

type Step = ReturnType<Durability['script']>;

/** Attempts of a contact are looked for up to this number, and further as long as the last one is known: an earlier one may be forgotten by now. */
const ATTEMPTS_LOOKED_FOR = 12;

export function createLedger(options: LedgerOptions): Ledger {
  const { redis, keys, owner, days, leases, durability = createPlainDurability(redis), onWait = () => {} } = options;
  // An unmark or a release that is lost costs time, or a redial; a claim, a mark or an end that is lost would cost a second call.
  const [claim, mark, end, cancel] = [CLAIM, MARK, END, CANCEL].map(durability.script) as [Step, Step, Step, Step];
  const putThrough = durability.script(PUT_THROUGH);
  const [unmark, release] = [createScript(redis, UNMARK), createScript(redis, RELEASE)];
  let installation: Promise<string> | undefined;

  const readOutcome = async (id: string): Promise<Outcome> =>
    JSON.parse((await redis.hget(keys.attempt(id), 'outcome')) ?? 'null') as Outcome;

  const patiently = <T>(write: () => Promise<T>): Promise<T> => untilWritten(write, onWait);

  const secondsToLive = days * 86_400;

  return {
    async read(id) {
      const entry = await redis.hgetall(keys.attempt(id));
      const state = entry.state as AttemptState | undefined;
      if (state === undefined) return undefined;
      const epoch = Number(entry.epoch);
      return state === 'ended'
        ? { state, epoch, outcome: JSON.parse(entry.outcome ?? 'null') as Outcome }
        : {
            ...{ state, epoch, contact: JSON.parse(entry.contact ?? 'null') as Contact },
            ...{ campaign: entry.campaign ?? '', number: Number(entry.number) },
            ...(entry.putThrough !== undefined && { putThrough: JSON.parse(entry.putThrough) as PutThrough }),
          };
    },
    async claim(id, phone) {
      const { epoch: held, from } = leases.held(id);
      const sentAt = performance.now();
      leases.claiming(id);
      try {
        const answer = (await claim(
          [keys.attempt(id), keys.open, keys.lease(id), keys.pulse, keys.reservations],
          [id, owner, randomUUID(), Date.now(), leases.leaseMs, held, from, phoneHash(phone), keys.attempt('')],
        )) as [string, number, string, number, number];
        const [kind, epoch, before, firstEpoch, waitMs] = answer;
        if (kind === 'unknown' || kind === 'number-busy') return { kind };
        if (kind === 'leased') return { kind, waitMs };
        if (kind === 'ended') return { kind, outcome: await readOutcome(id) };
        leases.claimed(id, epoch, sentAt);
        return { kind: 'claimed', epoch, before: before as 'queued' | 'claimed' | 'dialing', firstEpoch };
      } finally {
        leases.notClaimed(id);
      }
    },
    async mark(id, epoch) {
      const certainMs = leases.certainMs(id);
      if (certainMs === 0) return false;
      const marked = mark([keys.attempt(id), keys.lease(id)], [epoch, Date.now()]).then(
        (answer) => answer === 1,
        () => false,
      );
      const tooLate = new AbortController();
      const answer = await Promise.race([marked, sleep(certainMs, tooLate.signal).catch(() => false)]);
      tooLate.abort();
      // Redis, or this process, may have taken its time over the answer.
      return answer === true && leases.certainMs(id) > 0;
    },
    unmark: async (id, epoch) => (await patiently(() => unmark([keys.attempt(id)], [epoch, Date.now()]))) === 1,
    putThrough: async (id, epoch, to) => (await putThrough([keys.attempt(id)], [epoch, to === undefined ? '' : JSON.stringify(to)])) === 1,
    arePutThrough: (ids) => Promise.all(ids.map(async (id) => (await redis.hexists(keys.attempt(id), 'putThrough')) === 1)),
    release: async (id, epoch) =>
      (await patiently(() => release([keys.attempt(id), keys.lease(id), keys.reservations], [epoch, Date.now(), id]))) === 1,
    async end(id, epoch, outcome, outbox, redial) {
      const next = redial === undefined ? '' : attemptIdOf(redial.campaign, redial.phone, redial.number);
      const entries = [keys.attempt(id), keys.open, keys.outbox, keys.lease(id), keys.reservations, keys.minted, keys.attempt(next)];
      const args = [epoch, id, JSON.stringify(outcome), secondsToLive, Date.now(), next, redial?.number ?? 0, redial?.at ?? 0];
      return (await patiently(() => end(entries, [...args, ...outbox.map((entry) => JSON.stringify(entry))]))) === 1;
    },
    cancel: async (id, outcome, outbox) =>
      (await cancel(
        [keys.attempt(id), keys.open, keys.outbox, keys.lease(id), keys.reservations],
        [id, JSON.stringify(outcome), secondsToLive, Date.now(), ...outbox.map((entry) => JSON.stringify(entry))],
      )) === 1,
    async openOf(phone) {
      const campaigns = await redis.smembers(keys.campaigns);
      const open: string[] = [];
      for (let number = 1, known = campaigns; known.length > 0; number++) {
        const ids = known.map((campaign) => attemptIdOf(campaign, phone, number));
        const states = await Promise.all(ids.map((id) => redis.hget(keys.attempt(id), 'state')));
        open.push(...ids.filter((_, index) => ![null, 'ended'].includes(states[index] ?? null)));
        if (number >= ATTEMPTS_LOOKED_FOR) known = known.filter((_, index) => states[index] != null);
      }
      return open;
    },
    broke: (id) => redis.hincrby(keys.attempt(id), 'broke', 1),
    installation() {
      installation ??= readInstallation(redis, keys).catch((error: unknown) => {
        installation = undefined;
        throw error;
      });
      return installation;
    },
  };
}

async function readInstallation(redis: Redis, keys: Keys): Promise<string> {
  await redis.set(keys.installation, `rf${randomUUID().slice(0, 8)}`, 'NX');
  const id = await redis.get(keys.installation);
  if (id === null) throw new Error(`Redis lost ${keys.installation} right after it was written.`);
  return id;
}
