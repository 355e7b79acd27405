import type { ErrorShape } from './error-table.ts';

/** What an error says, whoever threw it. */
export interface ErrorFacts {
  status: number | undefined;
  /** Outermost first. */
  codes: string[];
  names: string[];
  detail: string | undefined;
  retryAfterMs: number | undefined;
}

/** A cause chain longer than this is a loop or an attack. */
const MAX_LINKS = 16;

/** The error, its causes and the members of aggregates, outermost first. */
export function chainOf(error: unknown): unknown[] {
  const links: unknown[] = [];
  const queue: unknown[] = [error];
  while (queue.length > 0 && links.length < MAX_LINKS) {
    const link = queue.shift();
    if (link === undefined || link === null || links.includes(link)) continue;
    links.push(link);
    const members = at(link, 'errors');
    queue.push(at(link, 'cause'), ...(Array.isArray(members) && link instanceof AggregateError ? members : []));
  }
  return links;
}

/** Collects the facts of an error from wherever its SDK put them. */
export function readError(error: unknown, shape: ErrorShape, now = Date.now()): ErrorFacts {
  const links = chainOf(error);
  const all = (paths: readonly string[]): unknown[] => links.flatMap((link) => paths.map((path) => at(link, path)));
  const headers = all(shape.headers).find((value) => typeof value === 'object' && value !== null);
  const seconds = all(shape.retryAfterSeconds ?? []).find((value) => typeof value === 'number' && value >= 0);
  return {
    status: all(shape.status).find(isHttpStatus),
    // An errno stands in `code` with every library.
    codes: unique(all([...shape.code, 'code']).filter(isWord)),
    names: unique(links.map((link) => at(link, 'name')).filter(isWord)),
    detail: all(shape.detail).find(isWord),
    retryAfterMs: typeof seconds === 'number' ? seconds * 1000 : headers && readRetryAfter(headers, now),
  };
}

function at(from: unknown, path: string): unknown {
  let value = from;
  for (const key of path.split('.')) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

function isHttpStatus(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 100 && value <= 599;
}

function isWord(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function unique(words: string[]): string[] {
  return [...new Set(words)];
}

/** Retry-After is seconds or a date (RFC 9110, 10.2.3); `retry-after-ms` is OpenAI's finer one. */
function readRetryAfter(headers: object, now: number): number | undefined {
  const exact = Number(header(headers, 'retry-after-ms') ?? Number.NaN);
  if (Number.isFinite(exact) && exact >= 0) return Math.ceil(exact);
  const told = header(headers, 'retry-after');
  if (told === undefined) return undefined;
  const seconds = Number(told);
  if (Number.isFinite(seconds)) return seconds >= 0 ? Math.ceil(seconds * 1000) : undefined;
  const until = Date.parse(told);
  return Number.isNaN(until) ? undefined : Math.max(0, until - now);
}

function header(headers: object, name: string): string | undefined {
  const get = at(headers, 'get');
  const value: unknown = typeof get === 'function' ? get.call(headers, name) : at(headers, name);
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined;
}
