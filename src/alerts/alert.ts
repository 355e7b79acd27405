import type { ErrorCategory } from '../errors.ts';

/** Somebody's way of hearing of alerts. */
export type ChannelName = 'email' | 'telegram' | 'webhook';

interface Told {
  /** The same for the same event, however often it is raised. Without it, one is made of the alert's facts. */
  id?: string | undefined;
}

/** A service can't be used any more: calls that need it wait. */
export interface BreakerOpened extends Told {
  kind: 'breaker-opened';
  /** `elevenlabs:text-to-speech`, `asterisk`, … */
  service: string;
  /** Unix milliseconds. */
  since: number;
  /** `manual`: a human opened it. */
  category: ErrorCategory | 'manual';
  /** What auth and quota concern as a whole: `elevenlabs`. By default the service up to its colon. */
  account?: string | undefined;
  /** `local`: one process alone can't use it. */
  scope?: 'fleet' | 'local' | undefined;
  /** The error that opened it, in words. */
  reason: string;
  /** Only for a trunk. */
  trunk?: { name: string; sipStatus?: number | undefined } | undefined;
}

/** The service is used again. */
export interface BreakerClosed extends Told {
  kind: 'breaker-closed';
  service: string;
  /** Unix milliseconds. */
  at: number;
  openForMs: number;
  /** A trial succeeded, or a human closed it. */
  by?: 'trial' | 'human' | undefined;
  /** Calls that waited for it. */
  heldBack: number;
}

/** A call failed for ever, by no fault of the callee. */
export interface CallFailed extends Told {
  kind: 'call-failed';
  /** The attempt's id. */
  attempt: string;
  campaign: string;
  /** E.164. It is masked before it leaves the process. */
  phone: string;
  reason: string;
  /** The service that failed it, if one did. */
  service?: string | undefined;
  /** Unix milliseconds. */
  at: number;
}

/** Messages to humans could not be delivered, for hours or for good. Told on the other channels. */
export interface DeadLetter extends Told {
  kind: 'dead-letter';
  channel: ChannelName;
  count: number;
  reason: string;
  /** Unix milliseconds. */
  at: number;
}

/** What a human is told. */
export type Alert = BreakerOpened | BreakerClosed | CallFailed | DeadLetter;
export type AlertKind = Alert['kind'];

/** What grouping has counted on top of the alert itself. */
export interface Counts {
  /** Further alerts of this kind that this message stands for. Then `alert` is the last of them. */
  more: number;
  /** When the first of those came. Unix milliseconds. */
  moreSince?: number | undefined;
  /** Calls that failed because of the open breaker and were not told one by one. */
  failed: number;
  /** How often the breaker opened again in the meantime, untold. */
  reopened: number;
  /** Calls held back by every breaker of the incident together. */
  heldBack: number;
  /** Every service of the incident, when its end is told. */
  services?: string[] | undefined;
}

/** One thing to be said on every channel. `id` is the same however often it is sent. */
export interface Message {
  id: string;
  alert: Alert;
  counts: Counts;
}

/** When it happened. Unix milliseconds. */
export function alertTime(alert: Alert): number {
  return alert.kind === 'breaker-opened' ? alert.since : alert.at;
}
