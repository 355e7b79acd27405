import { deliverCrmRecord } from './call/deliver-crm-record.ts';
import type { Summary } from './call/summarise.ts';
import { createDeliveryQueue, createDeliveryWorker, startOutboxRelay } from './delivery/outbox.ts';
import type { ProcessParts } from './process-parts.ts';
import { isHeldBack } from './resilience/held-back.ts';
import { createPace } from './resilience/pace.ts';
import { wireAlertWorkers } from './wire-alerts.ts';
import { OUTCOME_WEBHOOK_SERVICE, wireOutcomeWebhook } from './wire-outcome-webhook.ts';
import { fenceDelivery } from './wire-services.ts';

/** Entries that wait for the CRM, looked at a second in one process. */
const HELD_BACK_LOOKS_PER_SECOND = 20;

/** What waits for these is told when they are back, however long that takes. */
const HELD_BACK: readonly string[] = ['hubspot', OUTCOME_WEBHOOK_SERVICE];

/** Tells the outside: CRM records, outcomes by webhook, rows of the spreadsheet, alerts. */
export function startDelivery({ config, log, redis, keys, raw, fences, alerts, sheets, onStop }: ProcessParts): void {
  const { crm, languageModel } = fenceDelivery({ config, raw, fences, log });
  const tellOutcome = wireOutcomeWebhook(config, fences);
  const onError = (error: Error) => log.error({ err: error }, `delivery queue: ${error.message}`);
  const queue = createDeliveryQueue(redis, keys.prefix);
  onStop('delivery queue', () => queue.close());
  const summaries = new Map<string, Summary>();
  const pace = createPace(HELD_BACK_LOOKS_PER_SECOND);
  // Records of an outage are written when it is over, not by the growing waits of a try that failed. (The language model's outage has its own end.)
  const heldBackMs = async (error: unknown, signal: AbortSignal) => {
    if (!isHeldBack(error) || !HELD_BACK.includes(error.service)) return undefined;
    await pace(signal);
    return Math.round(config.heldBackWaitMs * (1 + Math.random() / 2));
  };
  const worker = createDeliveryWorker({ connection: redis, prefix: keys.prefix, onError, heldBackMs }, async (entry, tries, signal) => {
    if (entry.kind === 'sheet-row') return sheets?.addCall(entry.data);
    if (entry.kind === 'outcome-webhook') {
      if (tellOutcome === undefined) throw new Error('No webhook is configured any more: set OUTCOME_WEBHOOK_URL, then retry this job.');
      return tellOutcome(entry, signal);
    }
    if (crm === undefined) throw new Error('No CRM is configured any more: set HUBSPOT_ACCESS_TOKEN, then retry this job.');
    if (entry.kind === 'crm-contact-update') {
      const { properties, ...who } = entry.data;
      const known = await crm.updateContact(who, properties, signal);
      if (!known) log.warn({ entry: entry.id }, 'the CRM knows nobody whose properties the call has changed: nothing was written');
      return;
    }
    await deliverCrmRecord(entry.data, { crm, languageModel, summaries }, tries, signal);
  });
  onStop('delivery worker', () => worker.close());
  void worker.run().catch(onError);
  const relay = startOutboxRelay({ redis, outboxKey: keys.outbox, queue, onError });
  onStop('outbox relay', () => relay.stop());
  const alertWorkers = wireAlertWorkers({ config, redis, prefix: keys.prefix, log }, alerts.raise);
  onStop('alert workers', () => alertWorkers.stop());
  alertWorkers.start();
  log.info(
    {
      crm: crm === undefined ? 'off' : 'hubspot',
      outcomeWebhook: tellOutcome === undefined ? 'off' : 'on',
      spreadsheet: sheets === undefined ? 'off' : 'google-sheets',
    },
    'delivery worker started',
  );
}
