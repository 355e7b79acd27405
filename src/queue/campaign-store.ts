import type { Redis } from 'ioredis';
import type { Campaign } from '../call/campaign.ts';
import type { Keys } from './keys.ts';

/** Campaigns as their latest enqueue left them. */
export interface CampaignStore {
  load(name: string): Promise<Campaign | undefined>;
}

export function createCampaignStore(redis: Redis, keys: Keys): CampaignStore {
  return {
    async load(name) {
      const text = await redis.get(keys.campaign(name));
      return text === null ? undefined : (JSON.parse(text) as Campaign);
    },
  };
}
