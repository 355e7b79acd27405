import type { ChannelName } from './alert.ts';
import type { RenderedMessage } from './render.ts';

/** One way to reach a human. */
export interface Channel {
  readonly name: ChannelName;
  /**
   * Sends once. What was sent may be sent again (after a lost answer), under the same id.
   * @throws ServiceError of `smtp`, `telegram` or `webhook`.
   */
  send(message: RenderedMessage, signal: AbortSignal): Promise<void>;
}
