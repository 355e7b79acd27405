import type { OutcomeNews } from './call/outbox-entry.ts';
import type { Config } from './config.ts';
import { createSignedPost } from './webhook/signed-post.ts';
import type { Fences } from './wire-breakers.ts';

/** Of its breaker. */
export const OUTCOME_WEBHOOK_SERVICE = 'outcome-webhook';

/** Tells a program elsewhere how an attempt ended. `id` is the same however often it is told. */
export type TellOutcome = (news: { id: string; data: OutcomeNews }, signal: AbortSignal) => Promise<void>;

/** Undefined when none is configured. */
export function wireOutcomeWebhook({ outcomeWebhook }: Pick<Config, 'outcomeWebhook'>, fences: Fences): TellOutcome | undefined {
  if (outcomeWebhook === undefined) return undefined;
  const post = createSignedPost({ ...outcomeWebhook, service: OUTCOME_WEBHOOK_SERVICE, settings: 'OUTCOME_WEBHOOK' });
  const guard = fences.guard(OUTCOME_WEBHOOK_SERVICE);
  return ({ id, data }, signal) =>
    guard.run((inner) => post({ id, body: JSON.stringify(data) }, 'outcome of an attempt', inner), {
      signal,
      operation: 'outcome of an attempt',
    });
}
