import type { Crossing } from './fault-proxy.ts';

/** The `nth` time that something crosses, e.g. the second answer to `redis HGETALL attempt`. */
export interface Boundary extends Crossing {
  service: string;
  nth: number;
}

/** What goes on whether or not there is a call: it has no place in the order of one. */
const NOISE: readonly RegExp[] = [
  /^redis (BZPOPMIN|BZMPOP|PING|INFO|HELLO|CLIENT|AUTH|SELECT|SCRIPT|CONFIG|COMMAND|WAITAOF)\b/,
  /^redis (MULTI|EXEC|\w+ (heartbeats?|lease|leases|health))\b/,
  /^redis (SYNC|LIVING|RENEW|MISSING_JOBS|FREE_RESERVATIONS|SET sweeping|\w+ (pulse|reservations|open|minted|breakers?))\b/,
  /^redis (extendLocks?|moveStalledJobsToWait|LRANGE|SUBSCRIBE|PUBLISH|nothing)\b/,
  /^asterisk (GET|PUT) ari\/(api-docs|asterisk|applications|events|(channels|bridges)$)/,
  /^asterisk POST ari\/channels\/\S+\/variable/,
];

/** Looks at the queue that bring the one contact of a run: for a job, and for what comes behind it. */
const FIRST_LOOKS = 2;

export function boundaryName({ service, what, side, nth }: Boundary): string {
  return `${service} ${what} #${nth} ${side}`;
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
