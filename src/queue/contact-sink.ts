import type { Redis } from 'ioredis';
import type { Campaign } from '../call/campaign.ts';
import type { ContactSink, SinkResult } from '../call/contact-sink.ts';
import { createCallQueue } from './call-queue.ts';
import { createPlainDurability } from './durability.ts';
import { attemptId, type Keys } from './keys.ts';
import { ENQUEUE, JOBS_MADE } from './ledger-scripts.ts';
import { createScript } from './redis.ts';

/**
 * Ledger entries first, jobs second: a run that is killed in between leaves entries without a job, and the next run of
 * the same file (and the sweep) finds them `queued` and gives them their job. A job that exists already is left as it is.
 * That it exists is written down third: from then on a job that is missing was removed by somebody.
 */
export function createContactSink(redis: Redis, keys: Keys, campaign: Campaign, durability = createPlainDurability(redis)): ContactSink {
  const enqueue = durability.script(ENQUEUE);
  const jobsMade = createScript(redis, JOBS_MADE);
  const queue = createCallQueue(redis, keys.prefix);
  let saved: Promise<unknown> | undefined;
  const campaignSaved = () => {
    saved ??= Promise.all([redis.set(keys.campaign(campaign.name), JSON.stringify(campaign)), redis.sadd(keys.campaigns, campaign.name)]);
    return saved;
  };
  return {
    async add(contacts, { update, dryRun }) {
      const ids = contacts.map((contact) => attemptId(campaign.name, contact.phone, 1));
      const flags = [Date.now(), Number(update), Number(dryRun), campaign.name];
      const rows = contacts.flatMap((contact, index) => [ids[index] ?? '', JSON.stringify(contact)]);
      const results = (await enqueue([keys.open, keys.jobless, ...ids.map((id) => keys.attempt(id))], [...flags, ...rows])) as SinkResult[];
      if (dryRun) return results;
      await campaignSaved();
      const jobs = contacts.flatMap((contact, index) => {
        const id = ids[index];
        if (id === undefined || results[index] === 'already-dialled') return [];
        const data = { version: 1 as const, attemptId: id, campaign: campaign.name, phone: contact.phone, name: contact.name, attempt: 1 };
        return [{ name: campaign.name, data, opts: { jobId: id } }];
      });
      await queue.addBulk(jobs);
      if (jobs.length > 0)
        await jobsMade(
          [keys.jobless, ...jobs.map(({ data }) => keys.attempt(data.attemptId))],
          jobs.map(({ data }) => data.attemptId),
        );
      return results;
    },
    async close() {
      await queue.close();
    },
  };
}
