import { ServiceError, serviceError } from '../errors.ts';
import type { ErrorRule, ErrorTable } from './error-table.ts';
import { NETWORK_RULES } from './network.ts';
import { type ErrorFacts, readError } from './read-error.ts';
import { cleanCause, createRedact, type Redact } from './redact.ts';

/** Turns whatever was thrown while doing `operation` ("text-to-speech", "search for the contact") into a ServiceError. */
export type Classify = (error: unknown, operation: string) => ServiceError;

export interface ClassifyOptions {
  /** The breaker's name: `elevenlabs:text-to-speech`. */
  service: string;
  table: ErrorTable;
  /** Never to be seen in a message: the service's keys. */
  secrets: readonly string[];
}

export function createClassify({ service, table, secrets }: ClassifyOptions): Classify {
  const redact = createRedact(secrets);
  const rules = [...table.rules, ...NETWORK_RULES];
  return (error, operation) => {
    if (error instanceof ServiceError) return error;
    const facts = readError(error, table.shape);
    const rule = rules.find((candidate) => matches(candidate, facts)) ?? UNKNOWN;
    const code = redact(rule.as ?? codeOf(rule, facts), 80);
    return serviceError(describe({ table, operation, facts, code, hint: rule.hint, redact }), {
      service,
      code,
      category: rule.category,
      status: facts.status,
      retryAfterMs: facts.retryAfterMs ?? rule.retryAfterMs,
      cause: cleanCause(error, redact),
    });
  };
}

/** A fault that only we can see (a stall, a quiet end), to be classified like any other error. */
export function fault(code: string, message: string, cause?: unknown): Error {
  return Object.assign(new Error(message, cause === undefined ? undefined : { cause }), { code });
}

const UNKNOWN: ErrorRule = { category: 'permanent', hint: '' };

function matches(rule: ErrorRule, facts: ErrorFacts): boolean {
  const { status } = facts;
  if (
    rule.status &&
    !rule.status.some((wanted) => wanted === status || (status !== undefined && wanted === `${Math.floor(status / 100)}xx`))
  )
    return false;
  if (rule.code && !rule.code.some((wanted) => facts.codes.includes(wanted))) return false;
  return !rule.name || rule.name.some((wanted) => facts.names.includes(wanted));
}

/** The word that decided, else the most specific that the service gave, else its status. */
function codeOf(rule: ErrorRule, facts: ErrorFacts): string {
  const decided = facts.codes.find((code) => rule.code?.includes(code));
  return decided ?? facts.codes[0] ?? (facts.status === undefined ? 'unknown' : `http-${facts.status}`);
}

interface Description {
  table: ErrorTable;
  operation: string;
  facts: ErrorFacts;
  code: string;
  hint: string;
  redact: Redact;
}

function describe({ table, operation, facts, code, hint, redact }: Description): string {
  const what = facts.status === undefined ? `failed (${code})` : `answered ${facts.status}${code.startsWith('http-') ? '' : ` (${code})`}`;
  const why = facts.detail === undefined ? '' : `, saying "${redact(facts.detail)}"`;
  return `${table.label}, ${operation}: ${what}${why}. ${hint}`.trim();
}
