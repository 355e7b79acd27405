import { join } from 'node:path';
import type { Campaign } from '../../src/call/campaign.ts';
import { loadCampaign } from '../../src/producer/campaign-file.ts';

/** The shipped example, short, and at any hour. */
export async function shortCampaign(dialString: string, maxCallMs = 15_000): Promise<Campaign> {
  const campaign = await loadCampaign(join(import.meta.dirname, '../../campaigns/appointment-reminder.yaml'));
  return {
    ...campaign,
    name: 'chaos',
    dialString,
    greeting: 'Hello.',
    disclosure: 'I am an AI.',
    hours: { from: '00:00', to: '24:00' },
    limits: { answerTimeoutMs: 5_000, maxCallMs, maxTurns: 5 },
  };
}
