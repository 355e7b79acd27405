import type { CallFences, TrunkPass } from './call/call-deps.ts';
import type { Campaign } from './call/campaign.ts';
import { createLookAgain } from './call/look-again.ts';
import { TransientError } from './errors.ts';
import type { ServiceDefinition } from './resilience/breaker.ts';
import type { Breakers } from './resilience/breakers.ts';
import { createPace } from './resilience/pace.ts';
import { trunkName } from './telephony/trunk-name.ts';
import { type TrunkWatch, trunkService } from './watch-trunks.ts';

/** Refused looks a second in one process: few for Redis, many for a queue of other campaigns behind. */
const REFUSED_LOOKS_PER_SECOND = 20;
/** A trunk's trial is a call: as long as a phone may ring. Milliseconds. */
const TRUNK_TRIAL_MS = 120_000;

export interface CallFencesParts {
  breakers: Breakers;
  /** The services without which nobody may be rung; of each group, one is enough. */
  required: readonly (readonly string[])[];
  trunk: ServiceDefinition;
  trunks: Pick<TrunkWatch, 'offlineSince'>;
  /** How soon a refused contact is looked at again. Milliseconds. */
  heldBackWaitMs: number;
}

/** The breakers as a call sees them. */
export function createCallFences({ breakers, required, trunk, trunks, heldBackWaitMs }: CallFencesParts): CallFences {
  const trunkOf = (campaign: Pick<Campaign, 'dialString'>) => {
    const service = trunkService(trunkName(campaign.dialString));
    breakers.add(service, trunk);
    return service;
  };
  /** Who was refused last, by trunk, and nobody got through since. */
  const refusedLast = new Map<string, string>();
  const refusingTrunk = (service: string) => {
    const since = trunks.offlineSince(service);
    return since === undefined ? breakers.refusing([service]) : { service, since, reason: 'Asterisk says that it is offline' };
  };
  const refusingAll = (alternatives: readonly string[]) => {
    const refusals = alternatives.map((service) => breakers.refusing([service]));
    return refusals.includes(undefined) ? undefined : refusals[0];
  };
  return {
    refusing: (campaign) => required.map(refusingAll).find((refusal) => refusal !== undefined) ?? refusingTrunk(trunkOf(campaign)),
    heldBack: breakers.heldBack,
    paceRefusal: createPace(REFUSED_LOOKS_PER_SECOND),
    lookAgain: createLookAgain({ waitMs: heldBackWaitMs, looksPerSecond: REFUSED_LOOKS_PER_SECOND, now: Date.now }),
    async enterTrunk(campaign, phone): Promise<TrunkPass> {
      const service = trunkOf(campaign);
      const pass = await breakers.of(service).begin({ deadlineMs: TRUNK_TRIAL_MS });
      return {
        trial: pass.trial,
        worked() {
          refusedLast.delete(service);
          void pass.succeeded();
        },
        untold: () => void pass.failed(new Error('the dial told nothing of the trunk')),
        failed(reason, end) {
          // One number that can't be had is not a trunk that is broken.
          const again = phone !== undefined && refusedLast.get(service) === phone;
          if (phone !== undefined) refusedLast.set(service, phone);
          if (again && !pass.trial) return void pass.failed(new Error('the same number was refused again'));
          const { cause, techCause } = end ?? {};
          const code = techCause === undefined ? (cause === undefined ? 'trunk-offline' : `cause-${cause}`) : `sip-${techCause}`;
          const message = `${service} refused a call: ${reason}`;
          void pass.failed(new TransientError(message, { service, code, category: 'transient', status: techCause }));
        },
      };
    },
  };
}
