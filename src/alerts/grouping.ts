import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Alert, Counts, Message } from './alert.ts';
import { FLUSH, RAISE } from './grouping-scripts.ts';

export interface Grouping {
  /**
   * Tells the alert at once or counts it; the same alert again changes nothing. Several may be under way: they are taken in the
   * order of the calls.
   * @returns how many messages there are to relay because of it.
   */
  raise(alert: Alert): Promise<number>;
  /** Tells what was counted in windows that are over. */
  flush(): Promise<number>;
  /**
   * Hands over what is to be told, oldest first. A message leaves the list when `deliver` has resolved, so it may be handed over
   * twice, under the same id, but is never lost.
   * @returns how many were handed over.
   */
  relay(deliver: (messages: Message[]) => Promise<void>): Promise<number>;
}

export interface GroupingOptions {
  redis: Redis;
  prefix: string;
  /** How long what follows a message is only counted. Milliseconds. */
  windowMs: number;
  /** Unix milliseconds. */
  clock: () => number;
}

const BATCH = 200;

export function createGrouping({ redis, prefix, windowMs, clock }: GroupingOptions): Grouping {
  const base = `${prefix}:alerts:`;
  const outgoing = `${base}outgoing`;
  const keys = [`${base}due`, outgoing, `${base}incidents`];
  // The whole text each time: were it sent by its hash, the first after a restart of Redis would be overtaken by the second.
  const run = (lua: string, ...args: (string | number)[]) => redis.eval(lua, keys.length, ...keys, base, clock(), windowMs, ...args);

  return {
    async raise(alert) {
      const service = 'service' in alert ? (alert.service ?? '') : '';
      const heldBack = alert.kind === 'breaker-closed' ? alert.heldBack : 0;
      return Number(
        await run(RAISE, kindOf(alert), idOf(alert), groupOf(alert, service), service, JSON.stringify(alert), heldBack, accountWide(alert)),
      );
    },
    flush: async () => Number(await run(FLUSH)),
    async relay(deliver) {
      const rows = await redis.lrange(outgoing, 0, BATCH - 1);
      if (rows.length === 0) return 0;
      await deliver(rows.map(readRow));
      for (const row of rows) await redis.lrem(outgoing, 1, row);
      return rows.length;
    },
  };
}

/** A call that no service failed is counted by its campaign alone. */
function kindOf(alert: Alert): string {
  return alert.kind === 'call-failed' && alert.service === undefined ? 'group' : alert.kind;
}

/** Alerts of one group are told together. */
function groupOf(alert: Alert, service: string): string {
  switch (alert.kind) {
    case 'breaker-opened':
      return `breaker:${alert.account ?? accountOf(service)}`;
    case 'breaker-closed':
      // Unless the script knows the incident that it belongs to.
      return `breaker:${service}`;
    case 'call-failed':
      return alert.service === undefined ? `call-failed:campaign ${alert.campaign}` : `call-failed:${service}`;
    case 'dead-letter':
      return `dead-letter:${alert.channel}`;
    default:
      return alert satisfies never;
  }
}

/** Bad credentials and spent quota open every breaker of the account. */
function accountWide(alert: Alert): 0 | 1 {
  return alert.kind === 'breaker-opened' && (alert.category === 'auth' || alert.category === 'quota') ? 1 : 0;
}

function accountOf(service: string): string {
  const [provider = service] = service.split(':');
  return provider === 'trunk' ? service : provider;
}

/** The same alert raised twice (by two processes, or after a lost answer) is one. */
function idOf(alert: Alert): string {
  if (alert.id !== undefined) return `${alert.kind} ${alert.id}`;
  switch (alert.kind) {
    case 'breaker-opened':
      return `${alert.kind} ${alert.service} ${alert.since}`;
    case 'breaker-closed':
      return `${alert.kind} ${alert.service} ${alert.at}`;
    case 'call-failed':
      return `${alert.kind} ${alert.attempt}`;
    case 'dead-letter':
      return `${alert.kind} ${alert.channel} ${alert.at}`;
    default:
      return alert satisfies never;
  }
}

function readRow(row: string): Message {
  const { alert: json, summary, ...counts } = JSON.parse(row) as Partial<Counts> & { alert: string; summary: boolean };
  const alert = JSON.parse(json) as Alert;
  const id = createHash('sha256')
    .update(`${idOf(alert)} ${summary ? 'summary' : ''}`)
    .digest('hex');
  const heldBack = alert.kind === 'breaker-closed' ? alert.heldBack : 0;
  // The letter in front: BullMQ refuses ids that look like numbers.
  return { id: `m${id.slice(0, 24)}`, alert, counts: { more: 0, failed: 0, reopened: 0, heldBack, ...counts } };
}
