import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Contact } from '../call/contact.ts';
import type { OutboxEntry } from '../call/outbox-entry.ts';
import type { Outcome } from '../call/outcome.ts';
import type { Keys } from './keys.ts';
import { CLAIM, END, MOVE } from './ledger-scripts.ts';
import { createScript } from './redis.ts';

export type AttemptState = 'queued' | 'claimed' | 'dialing' | 'ended';

/** What the ledger knows of an attempt. */
export type LedgerEntry =
  | { state: 'queued' | 'claimed' | 'dialing'; epoch: number; contact: Contact }
  | { state: 'ended'; epoch: number; outcome: Outcome };

export type Claim =
  /**
   * `before` tells how far an earlier owner got: `dialing` means that the phone may have rung. Its channel, if one
   * still lives, has an epoch from `firstEpoch` up to (not including) `epoch`.
   */
  | { kind: 'claimed'; epoch: number; before: 'queued' | 'claimed' | 'dialing'; firstEpoch: number }
  | { kind: 'ended'; outcome: Outcome }
  | { kind: 'unknown' };

/**
 * Redis' word on every attempt. Each step is atomic and may be repeated. A step that answers `false` means that the
 * attempt belongs to somebody with a higher epoch, or is not in the state that the step starts from: stop.
 */
export interface Ledger {
  read(attemptId: string): Promise<LedgerEntry | undefined>;
  claim(attemptId: string): Promise<Claim>;
  /** Right before `dial`: from here on the phone may ring. */
  mark(attemptId: string, epoch: number): Promise<boolean>;
  /** Nothing was sent after all. */
  unmark(attemptId: string, epoch: number): Promise<boolean>;
  /** Claimed, but not to be dialled now: it spends no attempt. */
  release(attemptId: string, epoch: number): Promise<boolean>;
  end(attemptId: string, epoch: number, outcome: Outcome, outbox: OutboxEntry[]): Promise<boolean>;
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
}

export function createLedger({ redis, keys, owner, days }: LedgerOptions): Ledger {
  const claim = createScript(redis, CLAIM);
  const move = createScript(redis, MOVE);
  const end = createScript(redis, END);
  const moveState = async (id: string, epoch: number, from: AttemptState, to: AttemptState) =>
    (await move([keys.attempt(id)], [epoch, from, to, Date.now()])) === 1;

  const readOutcome = async (id: string): Promise<Outcome> =>
    JSON.parse((await redis.hget(keys.attempt(id), 'outcome')) ?? 'null') as Outcome;

  return {
    async read(id) {
      const entry = await redis.hgetall(keys.attempt(id));
      const state = entry.state as AttemptState | undefined;
      if (state === undefined) return undefined;
      const epoch = Number(entry.epoch);
      return state === 'ended'
        ? { state, epoch, outcome: JSON.parse(entry.outcome ?? 'null') as Outcome }
        : { state, epoch, contact: JSON.parse(entry.contact ?? 'null') as Contact };
    },
    async claim(id) {
      const answer = (await claim([keys.attempt(id), keys.open], [id, owner, randomUUID(), Date.now()])) as [
        string,
        number,
        string,
        number,
      ];
      const [kind, epoch, before, firstEpoch] = answer;
      if (kind === 'unknown') return { kind };
      if (kind === 'ended') return { kind, outcome: await readOutcome(id) };
      return { kind: 'claimed', epoch, before: before as 'queued' | 'claimed' | 'dialing', firstEpoch };
    },
    mark: (id, epoch) => moveState(id, epoch, 'claimed', 'dialing'),
    unmark: (id, epoch) => moveState(id, epoch, 'dialing', 'claimed'),
    release: (id, epoch) => moveState(id, epoch, 'claimed', 'queued'),
    async end(id, epoch, outcome, outbox) {
      const args = [epoch, id, JSON.stringify(outcome), days * 86_400, Date.now(), ...outbox.map((entry) => JSON.stringify(entry))];
      return (await end([keys.attempt(id), keys.open, keys.outbox], args)) === 1;
    },
    async installation() {
      await redis.set(keys.installation, `rf${randomUUID().slice(0, 8)}`, 'NX');
      const id = await redis.get(keys.installation);
      if (id === null) throw new Error(`Redis lost ${keys.installation} right after it was written.`);
      return id;
    },
  };
}
