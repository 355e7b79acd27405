import { type ServiceError, serviceError } from '../errors.ts';

export interface MediaErrorFacts {
  /** HTTP status with which Asterisk refused the socket. */
  status?: number;
  cause?: unknown;
}

/**
 * - `media-address`, `media-format`: a mistake in configuration; - `media-refused`: Asterisk has no such leg (404), or somebody has it (409);
 * - `media-timeout`: not there in time; - `media-lost`: the connection broke; - `media-closed`: Asterisk ended it;
 * - `media-silent`: no sign of life; - `media-stalled`: alive, but plays nothing; - `media-listener`: our own code failed on what was heard.
 */
export type MediaErrorCode =
  | 'media-address'
  | 'media-format'
  | 'media-refused'
  | 'media-timeout'
  | 'media-lost'
  | 'media-closed'
  | 'media-silent'
  | 'media-stalled'
  | 'media-listener';

const PERMANENT: readonly MediaErrorCode[] = ['media-address', 'media-format', 'media-listener'];

/** An error of the media leg. Never shows its address: whoever knows that has the leg. */
export function mediaError(channelId: string, code: MediaErrorCode, what: string, facts: MediaErrorFacts = {}): ServiceError {
  return serviceError(`Media leg ${channelId}: ${what}`, {
    service: 'asterisk',
    code,
    category: PERMANENT.includes(code) ? 'permanent' : 'transient',
    ...facts,
  });
}
