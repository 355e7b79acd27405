import { join } from 'node:path';
import type { Campaign } from '../../src/call/campaign.ts';
import { loadCampaign } from '../../src/producer/campaign-file.ts';

/** What becomes of those who pick up: they talk with us until we hang up, they hang up soon, or they want a person and are put through to a colleague. */
export type Story = 'call' | 'brief' | 'transfer';

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

/** The same with a colleague, to whom whoever wants a person is put through. */
export function withColleague(campaign: Campaign, number: string): Campaign {
  const frontDesk = { number, about: 'Anything', spoken: 'our front desk', announce: true };
  return { ...campaign, transfer: { ringTimeoutMs: 5_000, maxTalkMs: 60_000, targets: { front_desk: frontDesk } } };
}
