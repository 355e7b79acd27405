import { ServiceError } from '../errors.ts';
import type { Crm } from '../services/crm.ts';
import type { LanguageModel } from '../services/language-model.ts';
import { answerLines } from './crm-call-record.ts';
import type { CrmDelivery } from './outbox-entry.ts';
import { type Summary, summarise } from './summarise.ts';

export interface CrmDeliveryDeps {
  crm: Crm;
  /** Undefined where no language model is configured: then there is no summary. */
  languageModel: LanguageModel | undefined;
  /** Of records that could not be written yet, by their keys: a CRM that is away must not cost a summary a look. */
  summaries: Map<string, Summary>;
}

/** The summary of a model that is away is tried for as long as the outbox tries at all, which is the better part of a day; this is its last try but one. */
const TRIES_FOR_SUMMARY = 14;
/** In one process, while they wait. */
const MAX_KEPT = 1_000;
const NO_SUMMARY: Summary = { text: '', answers: {} };

/**
 * Tells the CRM of a call: why it ended as it did, what was agreed in two sentences, and every word. While the model is away the record
 * goes without its summary, at once, and is completed when the model is back.
 * Throws a ServiceError when it has to be tried again.
 * @param tries how often it has been tried before
 */
export async function deliverCrmRecord(
  delivery: CrmDelivery,
  { crm, languageModel, summaries }: CrmDeliveryDeps,
  tries: number,
  signal: AbortSignal,
): Promise<void> {
  const { record, reason, notes = '', transcript, language, missing = {} } = delivery;
  let summary = NO_SUMMARY;
  let later: ServiceError | undefined;
  if (transcript !== '' && languageModel !== undefined) {
    try {
      summary = summaries.get(record.key) ?? (await summarise({ transcript, language, missing }, languageModel, signal));
      keep(summaries, record.key, summary);
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      if (error.category !== 'permanent' && tries < TRIES_FOR_SUMMARY) later = error;
    }
  }
  const found = answerLines(summary.answers);
  const body = [
    reason,
    notes,
    found && `Found in the transcript afterwards:\n${found}`,
    summary.text && `Summary: ${summary.text}`,
    transcript,
  ];
  await crm.recordCall({ ...record, body: body.filter((part) => part !== '').join('\n\n') }, signal);
  summaries.delete(record.key);
  if (later !== undefined) throw later;
}

function keep(summaries: Map<string, Summary>, key: string, summary: Summary): void {
  summaries.set(key, summary);
  const [oldest] = summaries.keys();
  if (summaries.size > MAX_KEPT && oldest !== undefined) summaries.delete(oldest);
}
