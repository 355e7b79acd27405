import type { Classify } from '../error-classification/classify.ts';
import { createRequestWatch } from './request-watch.ts';

export const DEEPGRAM_BASE_URL = 'https://api.deepgram.com';

interface ProbeOptions {
  apiKey: string;
  baseUrl: string | undefined;
  /** Milliseconds. */
  deadlineMs: number;
  classify: Classify;
  signal: AbortSignal;
}

/** GET /v1/projects: free, and proves the key. */
export async function probeDeepgram({ apiKey, baseUrl = DEEPGRAM_BASE_URL, deadlineMs, classify, signal }: ProbeOptions): Promise<void> {
  signal.throwIfAborted();
  const watch = createRequestWatch({ signal, deadlineMs, lateCode: 'no-answer' });
  try {
    const request = { headers: { authorization: `Token ${apiKey}` }, signal: watch.signal };
    const response = await watch.settle(fetch(`${baseUrl.replace(/\/$/, '')}/v1/projects`, request));
    const text = await watch.settle(response.text());
    if (response.ok) return;
    throw Object.assign(new Error('refused'), { statusCode: response.status, headers: response.headers, body: parse(text) });
  } catch (error) {
    signal.throwIfAborted();
    throw classify(error, 'health check');
  } finally {
    watch.dispose();
  }
}

/** A page from something in between is none of the service's: its status alone has to do. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
