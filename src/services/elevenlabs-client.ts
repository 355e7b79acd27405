import type { ElevenLabsClient } from 'elevenlabs';
import type { Classify } from '../error-classification/classify.ts';
import { createRequestWatch } from './request-watch.ts';

export const ELEVENLABS_BASE_URL = 'https://api.elevenlabs.io';

export interface ElevenLabsAccount {
  apiKey: string;
  baseUrl?: string | undefined;
}

let sdk: Promise<typeof import('elevenlabs')> | undefined;

/**
 * Loads the SDK, once. It takes most of a second during which nothing else runs and some 160 MB, so it is loaded
 * on first use; a worker that will place calls awaits this at its start.
 */
export function loadElevenLabsSdk(): Promise<typeof import('elevenlabs')> {
  sdk ??= import('elevenlabs');
  return sdk;
}

/** The SDK's client without its own retries and without its logging. */
export async function createElevenLabsClient({ apiKey, baseUrl }: ElevenLabsAccount, deadlineMs: number): Promise<ElevenLabsClient> {
  const { ElevenLabsClient } = await loadElevenLabsSdk();
  // Its timer outlives a failed request and holds the process, so it is kept just longer than ours.
  return new ElevenLabsClient({
    apiKey,
    baseUrl: baseUrl ?? ELEVENLABS_BASE_URL,
    maxRetries: 0,
    timeoutInSeconds: deadlineMs / 1000 + 1,
    logging: { silent: true },
  });
}

export interface ElevenLabsProbeOptions {
  client: () => Promise<ElevenLabsClient>;
  classify: Classify;
  deadlineMs: number;
}

/** GET /v1/models: free, and proves the key. */
export function createElevenLabsProbe({ client, classify, deadlineMs }: ElevenLabsProbeOptions): (signal: AbortSignal) => Promise<void> {
  return async (signal) => {
    signal.throwIfAborted();
    const elevenLabs = await client();
    const watch = createRequestWatch({ signal, deadlineMs, lateCode: 'no-answer' });
    try {
      await watch.settle(elevenLabs.models.list({ abortSignal: watch.signal }));
    } catch (error) {
      signal.throwIfAborted();
      const failure = classify(error, 'health check');
      // A restricted key may synthesize without being allowed to list: it was recognised, which is what we asked.
      if (failure.code !== 'missing_permissions') throw failure;
    } finally {
      watch.dispose();
    }
  };
}
