import { serviceError } from '../../src/errors.ts';
import type { BreakerChange, ServiceDefinition } from '../../src/resilience/breaker.ts';
import { breakerPolicy } from '../../src/resilience/breaker-policy.ts';
import { type Breakers, type BreakersOptions, createBreakers } from '../../src/resilience/breakers.ts';

export const SPEECH = 'elevenlabs:text-to-speech';
export const HEARING = 'elevenlabs:speech-to-text';
export const MODEL = 'openai:language-model';
export const DEADLINE_MS = 8_000;

export const quiet = { info() {}, warn() {}, error() {} };

export const unavailable = (retryAfterMs?: number) =>
  serviceError('ElevenLabs answered 503', { service: SPEECH, code: 'http-503', category: 'transient', status: 503, retryAfterMs });
export const badRequest = () =>
  serviceError('ElevenLabs answered 422', { service: SPEECH, code: 'invalid_request', category: 'permanent', status: 422 });
export const rateLimited = (retryAfterMs?: number) =>
  serviceError('ElevenLabs answered 429', { service: SPEECH, code: 'too_many', category: 'rate-limited', status: 429, retryAfterMs });
export const badKey = () =>
  serviceError('ElevenLabs answered 401', { service: SPEECH, code: 'invalid_api_key', category: 'auth', status: 401 });
export const quotaSpent = () =>
  serviceError('ElevenLabs answered 402', { service: SPEECH, code: 'quota_exceeded', category: 'quota', status: 402 });

export interface OneProcess {
  breakers: Breakers;
  changes: BreakerChange[];
}

/** Breakers of one process, alone unless told otherwise. */
export function oneProcess(definition: Partial<ServiceDefinition> = {}, options: Partial<BreakersOptions> = {}): OneProcess {
  const changes: BreakerChange[] = [];
  const policy = breakerPolicy(DEADLINE_MS);
  const breakers = createBreakers({
    services: { [SPEECH]: { policy, ...definition }, [HEARING]: { policy }, [MODEL]: { policy } },
    prefix: 'alone',
    onChange: (change) => void changes.push(change),
    log: quiet,
    ...options,
  });
  return { breakers, changes };
}

/** Runs a request that ends as told, and tells how it went. */
export async function send(breakers: Breakers, error?: Error, service = SPEECH): Promise<string> {
  const request = async () => {
    if (error !== undefined) throw error;
    return 'spoken';
  };
  return breakers
    .of(service)
    .run(request, { deadlineMs: DEADLINE_MS })
    .catch((caught: Error & { code: string }) => caught.code);
}

export async function times(count: number, act: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < count; i++) await act();
}
