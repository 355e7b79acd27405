import { createClassify } from '../error-classification/classify.ts';
import type { ErrorTable } from '../error-classification/error-table.ts';
import { type ErrorCategory, type ServiceError, serviceError } from '../errors.ts';

const SERVICE = 'asterisk';

/** The code of an error that says: Asterisk's own check (qualify) finds nobody at this trunk, so no call can be made over it. */
export const TRUNK_OFFLINE = 'trunk-offline';

/** The request can't have reached Asterisk: no connection was there to carry it. */
const NEVER_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'connect-timeout',
  'event-socket-down',
]);

/** True when it is certain that Asterisk never saw the request, so that whatever it asked for has not happened. */
export function isNeverSent(error: ServiceError): boolean {
  return NEVER_SENT.has(error.code);
}

/** What ARI, or a proxy before it, means by a status. The diallers and the sweep add what they know of their own requests. */
export const ASTERISK_ERRORS: ErrorTable = {
  label: 'Asterisk',
  shape: { status: ['status'], code: [], detail: ['said'], headers: ['headers'] },
  rules: [
    { status: [401], category: 'auth', as: 'wrong-credentials', hint: 'Check ARI_USERNAME and ARI_PASSWORD against ari.conf.' },
    { status: [403], category: 'auth', as: 'forbidden', hint: 'The ARI user may only read: set read_only = no in ari.conf.' },
    // Every hang-up races with the requests that are under way.
    {
      status: [404],
      category: 'permanent',
      as: 'not-found',
      hint: 'It is gone, or what answers at ARI_URL is not an Asterisk with ARI.',
    },
    { status: [409, 412], category: 'permanent', as: 'conflict', hint: 'It is not in a state that allows this.' },
    { status: [422], category: 'permanent', as: 'bad-parameters', hint: 'Asterisk does not accept what was asked for.' },
    { status: [429], category: 'rate-limited', as: 'rate-limited', hint: 'Something in front of Asterisk limits requests.' },
    { status: [502, 504], category: 'transient', hint: 'A proxy in front of Asterisk does not reach it.' },
    { status: [503], category: 'transient', as: 'not-ready', hint: 'Asterisk is starting or stopping.' },
    { status: ['5xx'], category: 'transient', hint: "Look at Asterisk's own log." },
    // ARI answers no redirects: another server does, a login page perhaps.
    {
      status: [300, 301, 302, 303, 307, 308],
      category: 'transient',
      as: 'not-ari',
      hint: 'What answers is not ARI: check ARI_URL, and proxies in between.',
    },
  ],
};

const classify = createClassify({ service: SERVICE, table: ASTERISK_ERRORS, secrets: [] });

export interface Refusal {
  status: number;
  /** Asterisk's own explanation; empty without one. */
  said: string;
  headers?: object | undefined;
}

/** Asterisk (or what stands before it) answered, but not with success. */
export function statusError(what: string, refusal: Refusal): ServiceError {
  return classify(refusal, what);
}

/** No usable answer came, which is transient whatever the reason. `code` is the system's (`ECONNREFUSED`) or ours. */
export function unansweredError(what: string, code: string, why: string, cause?: unknown): ServiceError {
  return serviceError(`Asterisk did not answer ${what}: ${why}`, { service: SERVICE, code, category: 'transient', cause });
}

/** Something else than ARI answered, e.g. the HTML of a proxy. */
export function notAriError(what: string, status: number, cause?: unknown): ServiceError {
  const message = `What answered ${what} does not speak ARI: check the address of Asterisk, and proxies in between`;
  return serviceError(message, { service: SERVICE, code: 'not-ari', category: 'transient', status, cause });
}

/** For everything that is not an HTTP exchange. */
export function asteriskError(message: string, code: string, category: ErrorCategory, cause?: unknown): ServiceError {
  return serviceError(message, { service: SERVICE, code, category, cause });
}
