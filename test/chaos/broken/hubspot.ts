import type { Crm } from '../../../src/services/crm.ts';
import { createHubSpot as createTrueHubSpot, type HubSpotOptions } from '../../../src/services/hubspot.ts';
import { toCallProperties } from '../../../src/services/hubspot-call-record.ts';

/** A new record for every request. */
export function createHubSpot(options: HubSpotOptions): Crm {
  return {
    ...createTrueHubSpot(options),
    async recordCall(record, signal) {
      const response = await fetch(`${options.baseUrl}/crm/v3/objects/calls`, {
        method: 'POST',
        signal,
        headers: { authorization: `Bearer ${options.accessToken}`, 'content-type': 'application/json' },
        body: JSON.stringify({ properties: toCallProperties(record) }),
      });
      if (!response.ok) throw new Error(`HubSpot answered ${response.status}`);
    },
  };
}
