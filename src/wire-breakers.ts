import type { Redis } from 'ioredis';
import type { Config } from './config.ts';
import { systemEvent } from './log-facts.ts';
import type { Logger } from './logger.ts';
import type { Keys } from './queue/keys.ts';
import type { BreakerChange, ServiceDefinition } from './resilience/breaker.ts';
import { type BreakerPolicy, breakerPolicy } from './resilience/breaker-policy.ts';
import { type Breakers, createBreakers } from './resilience/breakers.ts';
import { createGuard, type Guard } from './resilience/guard.ts';
import { createRetryBudget } from './resilience/retry-budget.ts';
import { tryVoiceAgent } from './services/deepgram-agent.ts';
import type { RawServices } from './wire-clients.ts';
import { OUTCOME_WEBHOOK_SERVICE } from './wire-outcome-webhook.ts';

/** Every ring-fenced service of a process. */
export interface Fences {
  breakers: Breakers;
  /** @param retries instead of those of the settings, where somebody else waits or another service can be asked. */
  guard(service: string, options?: { retries?: number }): Guard;
  policy: BreakerPolicy;
}

export interface FenceParts {
  config: Config;
  redis: Redis;
  keys: Keys;
  log: Logger;
  services: RawServices;
  /** This process runs health checks, so that the others leave the trials to it. */
  healthWorker: boolean;
  onChange: (change: BreakerChange) => void | Promise<void>;
}

/** The languages' shortest: what a trial of a voice costs. */
const PROBE_TEXT = 'Yes.';

export function wireBreakers({ config, redis, keys, log, services, healthWorker, onChange }: FenceParts): Fences {
  const policy = breakerPolicy(config.serviceDeadlineMs, config.retry, config.breakerResetMs);
  const breakers = createBreakers({
    services: definitions(config, services, policy),
    redis,
    prefix: keys.prefix,
    healthWorker,
    onChange,
    log,
  });
  const retryBudget = createRetryBudget({ redis, prefix: keys.prefix });
  return {
    breakers,
    policy,
    guard: (service, { retries = config.retry.retries } = {}) =>
      createGuard({
        breaker: breakers.of(service),
        policy: { ...config.retry, retries },
        deadlineMs: config.serviceDeadlineMs,
        retryBudget,
        log,
      }),
  };
}

/** A process asks only what it has the keys for; the breakers of the others are not its own. */
function definitions(config: Config, services: RawServices, policy: ServiceDefinition['policy']): Record<string, ServiceDefinition> {
  const { textToSpeech, speechToText, languageModel, voiceAgent, crm } = services;
  const table: Record<string, ServiceDefinition> = {};
  for (const { name, service } of textToSpeech) {
    const spoken = { text: PROBE_TEXT, voice: config.elevenLabs.probeVoice, language: 'en', sampleRate: config.mediaSampleRate };
    table[name] = {
      policy,
      controlPlane: service.probe,
      dataPlane: (signal) => drain(service.synthesize(spoken, signal)),
    };
  }
  for (const { name, service } of speechToText) {
    const ignore = () => {};
    const listening = { sampleRate: config.mediaSampleRate, language: 'en', onInterim: ignore, onFinal: ignore, onError: ignore };
    table[name] = {
      policy,
      controlPlane: service.probe,
      dataPlane: service.trial ?? (async (signal) => (await service.open({ ...listening, signal })).close()),
    };
  }
  if (voiceAgent !== undefined) {
    table['deepgram:voice-agent'] = {
      policy,
      controlPlane: voiceAgent.probe,
      dataPlane: (signal) => tryVoiceAgent(voiceAgent, config.mediaSampleRate, signal),
    };
  }
  for (const { name, service } of languageModel) {
    const oneWord = { instructions: 'Answer with the word yes.', messages: [{ role: 'user' as const, text: 'yes?' }], tools: [] };
    table[name] = {
      policy,
      controlPlane: service.probe,
      dataPlane: (signal) => drain(service.respond(oneWord, signal)),
    };
  }
  // Nothing harmless can be posted to it: the next outcome is its trial.
  if (config.outcomeWebhook !== undefined) table[OUTCOME_WEBHOOK_SERVICE] = { policy };
  if (crm !== undefined) table.hubspot = { policy, controlPlane: crm.probe, dataPlane: crm.probe };
  return table;
}

/** In the log: every change of a breaker, with the four facts that a failure has. */
export function tellChange(log: Logger, change: BreakerChange): void {
  const { kind, service, scope, id } = change;
  if (change.kind === 'breaker-closed') {
    const { openForMs, heldBack, by } = change;
    systemEvent(
      log,
      { event: kind, service, breakerState: 'closed', scope, change: id, openForMs, heldBack, by },
      `${service} is used again, after ${Math.round(openForMs / 1000)} s`,
    );
  } else {
    systemEvent(
      log,
      { event: kind, service, breakerState: 'open', scope, change: id, error: change.cause.message },
      `${service} is not asked any more: calls that need it wait`,
    );
  }
}

async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}
