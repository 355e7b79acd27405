import type { ErrorCategory } from '../errors.ts';

/**
 * One line of a service's table. Every condition given must hold, and one member of a list is enough;
 * a rule without conditions matches everything. The first rule that matches decides.
 */
export interface ErrorRule {
  status?: readonly (number | '4xx' | '5xx')[];
  /** Machine-readable words: the service's own from its body, an errno, a websocket's `ws-1006`, or one of ours (`stream-stalled`). */
  code?: readonly string[];
  /** `error.name` of any link of the cause chain. */
  name?: readonly string[];
  category: ErrorCategory;
  /** Replaces the code that the service gave, where that one says too little. */
  as?: string;
  /** Waited when the service doesn't say how long. Milliseconds. */
  retryAfterMs?: number;
  /** For a human: why this happens and what to do now. */
  hint: string;
}

/** Where a service's SDK keeps the facts. Dotted paths, tried in this order on every link of the cause chain. */
export interface ErrorShape {
  status: readonly string[];
  code: readonly string[];
  /** The service's own words, for the human who reads our message. */
  detail: readonly string[];
  headers: readonly string[];
  /** Seconds to wait, for services that say it in the body. Wins over the header. */
  retryAfterSeconds?: readonly string[];
}

export interface ErrorTable {
  /** As a human calls the service: `ElevenLabs`. */
  label: string;
  shape: ErrorShape;
  rules: readonly ErrorRule[];
}
