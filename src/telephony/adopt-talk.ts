import type { Logger } from '../logger.ts';
import type { AriConnection } from './ari-connection.ts';
import { isGone } from './ari-operations.ts';
import { ABSOLUTE_TIMEOUT_MS, absoluteTimeout } from './dead-mans-switch.ts';
import type { CallChannel } from './dialler.ts';
import { createOwnChannel } from './own-channel.ts';
import { removeUntilGone } from './remove-until-gone.ts';

/** Its events go to the application of whoever made it, so a channel is asked this often whether it lives. Milliseconds. */
const LOOK_EVERY_MS = 2_000;
/** Of the bridge they met in; the sweep finds what is left. Milliseconds. */
const REMOVE_MS = 2_000;

/** Two people in a bridge whose worker is gone. */
export interface AdoptedTalk {
  readonly callee: CallChannel;
  readonly colleague: CallChannel;
  /** Hangs both up. Never rejects. */
  end(): Promise<void>;
}

/**
 * Keeps alive what another worker has put together, and puts it together where that one didn't come to it. Undefined when either has hung up; then
 * neither is left. Rejects with a `ServiceError` when Asterisk doesn't say.
 */
export async function adoptTalk(
  connection: AriConnection,
  { calleeId, colleagueId }: { calleeId: string; colleagueId: string },
  logger: Pick<Logger, 'warn' | 'error'>,
): Promise<AdoptedTalk | undefined> {
  const [callee, colleague] = await Promise.all([calleeId, colleagueId].map((id) => adoptChannel(connection, id, logger)));
  if (callee === undefined || colleague === undefined) {
    await Promise.all([callee?.hangup(), colleague?.hangup()]);
    return undefined;
  }
  try {
    const bridge = (await connection.listBridges()).find(({ channels }) => channels.includes(calleeId));
    if (bridge && !bridge.channels.includes(colleagueId)) await connection.addToBridge(bridge.id, [colleagueId]);
    return {
      callee,
      colleague,
      async end() {
        await Promise.all([callee.hangup(), colleague.hangup()]);
        if (bridge) await removeUntilGone(() => connection.destroyBridge(bridge.id), REMOVE_MS);
      },
    };
  } catch (error) {
    for (const channel of [callee, colleague]) channel.letGo();
    throw error;
  }
}

/** Its time is running: it is renewed at once. */
async function adoptChannel(
  connection: AriConnection,
  channelId: string,
  logger: Pick<Logger, 'warn' | 'error'>,
): Promise<CallChannel | undefined> {
  const timing = { absoluteTimeoutMs: ABSOLUTE_TIMEOUT_MS, renewEveryMs: LOOK_EVERY_MS };
  const channel = createOwnChannel({ connection, channelId, logger, ...timing });
  try {
    for (const [name, value] of Object.entries(absoluteTimeout(ABSOLUTE_TIMEOUT_MS))) await connection.setVariable(channelId, name, value);
    channel.keepAlive();
    return channel.asChannel;
  } catch (error) {
    channel.discard();
    if (isGone(error)) return undefined;
    throw error;
  }
}
