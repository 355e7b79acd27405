import { count, ms, type Settings, type Values } from './setting.ts';

/** Retries, deadlines, breakers: how long a service is waited for, and when it is asked again. */
export const RESILIENCE_SETTINGS = {
  RETRY_INITIAL_DELAY: ms('Wait before the first retry of a request that failed', 5_000),
  RETRY_FACTOR: count('Each further wait is so many times the one before: 5 s, 10 s, 20 s', 2, 1, 10),
  RETRY_COUNT: count('Retries of a request; the fourth failure in a row opens the breaker', 3, 0, 10),
  RETRY_JITTER: count('Share of each wait that is added at random', 0, 0, 100, 'percent'),
  SERVICE_DEADLINE: ms('How long a service may take to its first useful answer', 8_000),
  CALLEE_PATIENCE: ms('How long a person on the line waits for all retries together', 12_000),
  CRM_PATIENCE: ms('How long a call waits for the CRM before it goes on without', 2_000),
  BREAKER_RESET: ms(
    'From the opening of a breaker, or a failed trial, to the next trial; ten times that for bad keys and spent quota',
    30_000,
  ),
  HELD_BACK_WAIT: ms(
    'When the first contact of a campaign that waits for a service is looked at again; the others follow, twenty a second',
    10_000,
  ),
  HEALTH_INTERVAL: ms('How often every service is checked', 30_000),
} as const satisfies Settings;

export interface ResilienceConfig {
  serviceDeadlineMs: number;
  crmPatienceMs: number;
  retry: { initialDelayMs: number; factor: number; retries: number; jitter: number; longestRetryAfterMs: number };
  calleePatienceMs: number;
  breakerResetMs: number;
  heldBackWaitMs: number;
  healthIntervalMs: number;
}

export function readResilience({ number }: Values<keyof typeof RESILIENCE_SETTINGS>): ResilienceConfig {
  return {
    serviceDeadlineMs: number('SERVICE_DEADLINE'),
    crmPatienceMs: number('CRM_PATIENCE'),
    retry: {
      initialDelayMs: number('RETRY_INITIAL_DELAY'),
      factor: number('RETRY_FACTOR'),
      retries: number('RETRY_COUNT'),
      jitter: number('RETRY_JITTER') / 100,
      // Longer than any service's "slow down", shorter than a contact's day.
      longestRetryAfterMs: 60_000,
    },
    calleePatienceMs: number('CALLEE_PATIENCE'),
    breakerResetMs: number('BREAKER_RESET'),
    heldBackWaitMs: number('HELD_BACK_WAIT'),
    healthIntervalMs: number('HEALTH_INTERVAL'),
  };
}
