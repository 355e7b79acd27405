import { randomUUID } from 'node:crypto';

export * from '../../../src/call/channel-id.ts';

/** A name that nobody else can guess: nobody can hang this channel up but who made it. */
export function channelId(): string {
  return randomUUID();
}

export function mediaChannelId(): string {
  return randomUUID();
}
