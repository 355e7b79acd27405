import { type ErrorCategory, type ServiceError, serviceError } from '../errors.ts';

const SERVICE = 'asterisk';

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

interface StatusMeaning {
  code: string;
  category: ErrorCategory;
  advice: string;
}

function meaningOf(status: number): StatusMeaning {
  switch (status) {
    case 401:
      return { code: 'wrong-credentials', category: 'auth', advice: 'check the ARI user and password against ari.conf' };
    case 403:
      return { code: 'forbidden', category: 'auth', advice: 'the ARI user may only read: set read_only = no in ari.conf' };
    case 404:
      return { code: 'not-found', category: 'permanent', advice: 'it is gone, or this is not the address of an Asterisk with ARI' };
    case 409:
      return { code: 'conflict', category: 'permanent', advice: 'it is not in a state that allows this' };
    case 429:
      return { code: 'rate-limited', category: 'rate-limited', advice: 'something in front of Asterisk limits requests' };
    case 503:
      return { code: 'not-ready', category: 'transient', advice: 'Asterisk is starting or stopping' };
  }
  if (status >= 500) return { code: `http-${status}`, category: 'transient', advice: "look at Asterisk's own log" };
  return { code: `http-${status}`, category: 'permanent', advice: 'Asterisk does not accept this request' };
}

/** Asterisk (or what stands before it) answered, but not with success. `said` is its own explanation. */
export function statusError(what: string, status: number, said: string): ServiceError {
  const { code, category, advice } = meaningOf(status);
  const quote = said ? ` "${said.slice(0, 200)}"` : '';
  return serviceError(`Asterisk answered ${what} with ${status}${quote}: ${advice}`, { service: SERVICE, code, category, status });
}

/** No usable answer came. `code` is the system's (`ECONNREFUSED`) or ours. */
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
