import type { CallFences, TrunkPass } from './call/call-deps.ts';
import type { Campaign } from './call/campaign.ts';
import { createLookAgain } from './call/look-again.ts';
import { TransientError } from './errors.ts';
import type { ServiceDefinition } from './resilience/breaker.ts';
import type { Breakers } from './resilience/breakers.ts';
import { createPace } from './resilience/pace.ts';

/** Refused looks a second in one process: few for Redis, many for a queue of other campaigns behind. */
const REFUSED_LOOKS_PER_SECOND = 20;
/** A trunk's trial is a call: as long as a phone may ring. Milliseconds. */
const TRUNK_TRIAL_MS = 120_000;

export interface CallFencesParts {
  breakers: Breakers;
  /** The services without which nobody may be rung; of each group, one is enough. */
  required: readonly (readonly string[])[];
  trunk: ServiceDefinition;
  /** How soon a refused contact is looked at again. Milliseconds. */
  heldBackWaitMs: number;
}

/** The breakers as a call sees them. */
export function createCallFences({ breakers, required, trunk, heldBackWaitMs }: CallFencesParts): CallFences {
  const trunkService = (campaign: Campaign) => {
    const service = `trunk:${trunkName(campaign.dialString)}`;
    breakers.add(service, trunk);
    return service;
  };
  const refusingAll = (alternatives: readonly string[]) => {
    const refusals = alternatives.map((service) => breakers.refusing([service]));
    return refusals.includes(undefined) ? undefined : refusals[0];
  };
  return {
    refusing: (campaign) =>
      required.map(refusingAll).find((refusal) => refusal !== undefined) ?? breakers.refusing([trunkService(campaign)]),
    heldBack: breakers.heldBack,
    paceRefusal: createPace(REFUSED_LOOKS_PER_SECOND),
    lookAgain: createLookAgain({ waitMs: heldBackWaitMs, looksPerSecond: REFUSED_LOOKS_PER_SECOND, now: Date.now }),
    async enterTrunk(campaign): Promise<TrunkPass> {
      const service = trunkService(campaign);
      const pass = await breakers.of(service).begin({ deadlineMs: TRUNK_TRIAL_MS });
      return {
        trial: pass.trial,
        worked: () => void pass.succeeded(),
        untold: () => void pass.failed(new Error('the dial told nothing of the trunk')),
        failed({ cause, techCause }, reason) {
          const code = techCause === undefined ? `cause-${cause}` : `sip-${techCause}`;
          const message = `${service} refused a call: ${reason}`;
          void pass.failed(new TransientError(message, { service, code, category: 'transient', status: techCause }));
        },
      };
    },
  };
}

/** `PJSIP/{e164}@my-carrier` → `PJSIP/my-carrier`; `PJSIP/my-carrier/sip:{digits}@host` → `PJSIP/my-carrier`. */
export function trunkName(dialString: string): string {
  const [tech = '', first = '', second] = dialString.split('/');
  if (second !== undefined) return `${tech}/${first}`;
  return `${tech}/${first.slice(first.lastIndexOf('@') + 1)}`;
}
