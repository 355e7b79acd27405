import { bridgeHandlers } from './bridges.ts';
import { channelHandlers } from './channels.ts';
import { generalHandlers } from './general.ts';
import type { AriHandler, HandlerOptions } from './handler.ts';

/** Each operation by `resource.nickname`. Statuses and messages are those of Asterisk 22.10. */
export function createHandlers(options: HandlerOptions): Record<string, AriHandler> {
  return { ...generalHandlers(options), ...channelHandlers(options), ...bridgeHandlers(options) };
}
