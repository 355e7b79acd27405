import OpenAI from 'openai';
import type { Classify } from '../error-classification/classify.ts';
import { createRequestWatch } from './request-watch.ts';

export interface OpenAiAccount {
  apiKey: string;
  /** Up to and with `/v1`. */
  baseUrl?: string | undefined;
  /** From the request to the first part of its answer. Milliseconds. */
  deadlineMs: number;
}

/** The SDK with nothing of its own: no retries, no log, no deadline before ours. */
export function createOpenAiClient({ apiKey, baseUrl, deadlineMs }: OpenAiAccount): OpenAI {
  return new OpenAI({
    apiKey,
    ...(baseUrl === undefined ? {} : { baseURL: baseUrl }),
    maxRetries: 0,
    // Ours fires first.
    timeout: deadlineMs + 1000,
    logLevel: 'off',
  });
}

interface ProbeModel {
  client: OpenAI;
  classify: Classify;
  model: string;
  deadlineMs: number;
  signal: AbortSignal;
}

/** GET /v1/models/{model}: free; proves the key and that it may use the model, but not that there is credit. */
export async function probeOpenAiModel({ client, classify, model, deadlineMs, signal }: ProbeModel): Promise<void> {
  signal.throwIfAborted();
  const watch = createRequestWatch({ signal, deadlineMs, lateCode: 'no-answer' });
  try {
    await watch.settle(client.models.retrieve(model, { signal: watch.signal }));
  } catch (error) {
    signal.throwIfAborted();
    throw classify(error, 'health check');
  } finally {
    watch.dispose();
  }
}
