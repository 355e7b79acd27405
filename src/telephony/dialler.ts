import type { ServiceError } from '../errors.ts';

/** How a channel ended. `cause` is the Q.850 number of `ChannelDestroyed`; `techCause` the SIP status (Asterisk 22 and later, off-nominal only). */
export interface ChannelEnd {
  cause: number;
  techCause?: number | undefined;
  /** True when we hung it up. */
  byUs: boolean;
  /** Of a call that nobody answered, ended by them: it rang, or an announcement came; or there was no sign of life at all until the dial's time was up. */
  farEnd?: 'rang' | 'silent' | undefined;
}

/** An answered call, alive until `ended` resolves. */
export interface CallChannel {
  readonly id: string;
  /** Aborts when the channel is gone, whoever hung up; with a ServiceError as its reason when nobody did, and Asterisk cut it off. */
  readonly signal: AbortSignal;
  readonly ended: Promise<ChannelEnd>;
  /** Hangs up and waits until Asterisk confirms that the channel is gone. Never rejects: an ill Asterisk is logged; the channel's absolute timeout ends it. */
  hangup(): Promise<void>;
  /** Somebody else owns it now: for us it is gone, and we neither renew it nor hang it up. */
  letGo(): void;
  onDtmf(listener: (digit: string) => void): void;
  /** Presses keys, as the far end hears them: 0-9, *, #, A-D; `w` is a pause of half a second. Resolves when they are through. Rejects with a `ServiceError`. */
  sendDtmf(keys: string): Promise<void>;
  /**
   * Has Asterisk play a sound that it can reach itself, e.g. `sound:please-try-call-later`. Resolves with whether it was played to its end:
   * not when Asterisk doesn't find it, the call ends, or `signal` aborts. Never rejects.
   */
  play(media: readonly string[], signal: AbortSignal): Promise<boolean>;
}

export interface DialRequest {
  /** `<installation>-<attempt>.<epoch>`: the channel is the fencing token. */
  channelId: string;
  /** Asterisk's dial string, e.g. `PJSIP/+12025550123@trunk`. */
  endpoint: string;
  callerId: string;
  answerTimeoutMs: number;
  /**
   * Writes down that the phone is about to ring. Called once, after the created channel's StasisStart and before `dial`.
   * False means that this worker lost its right to the attempt: the channel is hung up and nothing is dialled.
   */
  mark: () => Promise<boolean>;
  onProgress: (progress: 'dialing' | 'ringing') => void;
  /** Aborts the dial: the channel is hung up. */
  signal: AbortSignal;
}

export type DialResult =
  | { kind: 'answered'; channel: CallChannel }
  | { kind: 'unanswered'; end: ChannelEnd }
  /** `mark` said no; nothing was sent. */
  | { kind: 'not-mine' }
  /** `create` failed or `dial` met a channel that was gone: nothing was sent, and may be tried again under a new epoch. */
  | { kind: 'not-sent'; error: ServiceError }
  /** No answer to `dial`: the phone may have rung. The channel is surely gone. */
  | { kind: 'unknown'; error: ServiceError };

export interface Dialler {
  /** Two requests, `create` then `dial`, neither ever retried here. Never rejects for what Asterisk or the network did: that is a `DialResult`. */
  dial(request: DialRequest): Promise<DialResult>;
}
