import type { Crossing } from './fault-proxy.ts';

/** The `nth` time that something crosses, e.g. the second answer to `redis HGETALL attempt`. */
export interface Boundary extends Crossing {
  service: string;
  nth: number;
  /** Only met by a worker that has never called before, at a Redis that has never seen one. */
  first?: boolean | undefined;
}

/** What goes on whether or not there is a call: it has no place in the order of one. */
const NOISE: readonly RegExp[] = [
  /^redis (BZPOPMIN|BZMPOP|PING|INFO|HELLO|CLIENT|AUTH|SELECT|SCRIPT|CONFIG|COMMAND|WAITAOF)\b/,
  /^redis (MULTI|EXEC|\w+ (heartbeats?|lease|leases|health))\b/,
  /^redis (SYNC|LIVING|RENEW|MISSING_JOBS|FREE_RESERVATIONS|(SET|DEL) sweeping|\w+ (pulse|reservations|open|minted|breakers?))\b/,
  /^redis (REMOVED_JOBS|COUNT_MISSING|HEXISTS attempt|\w+ (jobless|removals-seen))\b/,
  /^redis (FLUSH|LRANGE alerts|GET sheet)\b/,
  /^redis (extendLocks?|moveStalledJobsToWait|LRANGE|SUBSCRIBE|PUBLISH|nothing)\b/,
  /^asterisk (GET|PUT) ari\/(api-docs|asterisk|applications|events|(channels|bridges)$)/,
  /^asterisk POST ari\/channels\/\S+\/variable/,
];

/** Looks at the queue that bring the one contact of a run: for a job, and for what comes behind it. */
const FIRST_LOOKS = 2;

export const FIRST_CALL = 'first call: ';

export function boundaryName({ service, what, side, nth, first = false }: Boundary): string {
  return `${first ? FIRST_CALL : ''}${service} ${what} #${nth} ${side}`;
}

/** What only a first call meets. Of the many lines that are rendered once and kept, the first two and the last. */
export function onlyOnFirstCall(cold: readonly Boundary[], warm: readonly Boundary[]): Boundary[] {
  const known = new Set(warm.map(boundaryName));
  const isSame = (one: Boundary, other: Boundary) => one.service === other.service && one.what === other.what && one.side === other.side;
  const extra = cold.filter((one) => !known.has(boundaryName(one)));
  return extra
    .filter((one) => {
      const nths = extra.filter((other) => isSame(one, other)).map(({ nth }) => nth);
      return nths.indexOf(one.nth) < 2 || one.nth === Math.max(...nths);
    })
    .map((one) => ({ ...one, first: true }));
}

/** Counts what crosses; the same boundary has the same name in every run. Undefined for noise. */
export function createBoundaryCounter(): (service: string, crossing: Crossing) => Boundary | undefined {
  const counts = new Map<string, number>();
  return (service, { what, side }) => {
    if (NOISE.some((noise) => noise.test(`${service} ${what}`))) return undefined;
    const key = `${service} ${what} ${side}`;
    const nth = (counts.get(key) ?? 0) + 1;
    counts.set(key, nth);
    // The queue's worker looks for the next job while the first one runs.
    if (what === 'moveToActive' && nth > FIRST_LOOKS) return undefined;
    return { service, what, side, nth };
  };
}
