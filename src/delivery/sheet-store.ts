import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { SheetRow } from './sheet-row.ts';
import { ADD, ADD_ONCE, HOLD, TAKE, WRITTEN } from './sheet-rows-scripts.ts';

/** Rows that wait for the spreadsheet, in Redis. */
export interface SheetStore {
  add(rows: readonly SheetRow[]): Promise<void>;
  /** For what may be told more than once: a row with the same id is added once a day. */
  addOnce(row: SheetRow): Promise<void>;
  /** `again`: it was taken before, and may have been written. */
  take(): Promise<{ kind: 'held' | 'empty' } | { kind: 'new' | 'again'; rows: SheetRow[] }>;
  written(): Promise<void>;
  /** Keeps other processes from writing for that long; 0 lets them. Milliseconds. */
  hold(ms: number): Promise<void>;
  waiting(): Promise<number>;
  /** How many rows were refused since this was asked last: there was no room. */
  takeRefused(): Promise<number>;
}

/** Some 100 MB of Redis; weeks of calls. */
const MAX_WAITING = 200_000;
/** A request holds 2 MB at most; in JSON, with names, a row is longer here than there. */
const MAX_BATCH_ROWS = 1_000;
const MAX_BATCH_BYTES = 1_000_000;
/** Outlasts two requests and their deadlines. */
const LEASE_MS = 60_000;

export function createSheetStore(redis: Redis, prefix: string): SheetStore {
  const token = randomUUID();
  const [rows, batch, lease, refused] = ['rows', 'batch', 'lease', 'refused'].map((name) => `${prefix}:sheet:${name}`) as [
    string,
    string,
    string,
    string,
  ];
  return {
    async add(added) {
      if (added.length === 0) return;
      await redis.eval(ADD, 2, rows, refused, MAX_WAITING, ...added.map((row) => JSON.stringify(row)));
    },
    async addOnce(row) {
      await redis.eval(ADD_ONCE, 3, rows, refused, `${prefix}:sheet:seen:${row.id}`, MAX_WAITING, JSON.stringify(row));
    },
    async take() {
      const answer = await redis.eval(TAKE, 3, rows, batch, lease, token, LEASE_MS, MAX_BATCH_ROWS, MAX_BATCH_BYTES);
      const [kind, taken] = answer as ['held' | 'empty' | 'new' | 'again', string];
      return kind === 'held' || kind === 'empty' ? { kind } : { kind, rows: JSON.parse(taken) as SheetRow[] };
    },
    async written() {
      await redis.eval(WRITTEN, 2, batch, lease, token);
    },
    async hold(ms) {
      await redis.eval(HOLD, 1, lease, token, ms);
    },
    async waiting() {
      const taken = JSON.parse((await redis.get(batch)) ?? '[]') as unknown[];
      return taken.length + (await redis.llen(rows));
    },
    async takeRefused() {
      return Number((await redis.getdel(refused)) ?? 0);
    },
  };
}
