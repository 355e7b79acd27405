import type { Logger } from '../logger.ts';
import type { AriConnection } from './ari-connection.ts';
import { isGone } from './ari-operations.ts';

/** A channel ends by itself this long after the last sign of life of its owner. */
export const ABSOLUTE_TIMEOUT_MS = 30_000;

/** Two renewals may fail before the channel is lost. */
export const RENEW_EVERY_MS = 10_000;

/** Asterisk's variable; set at `create` and again at every renewal. Whole seconds from now. */
const TIMEOUT_VARIABLE = 'TIMEOUT(absolute)';

/** Goes into the variables of a channel that is being made. */
export function absoluteTimeout(timeoutMs: number): Record<string, string> {
  return { [TIMEOUT_VARIABLE]: String(Math.ceil(timeoutMs / 1_000)) };
}

export interface DeadMansSwitchOptions {
  connection: AriConnection;
  channelId: string;
  timeoutMs: number;
  renewEveryMs: number;
  logger: Pick<Logger, 'warn'>;
  /** The channel is gone for certain: Asterisk says so, or no renewal has reached it for longer than it can live. */
  onGone: () => void;
}

/** Keeps a channel alive while its owner lives. Returns the function that stops it. */
export function holdDeadMansSwitch(options: DeadMansSwitchOptions): () => void {
  const { connection, channelId, timeoutMs, renewEveryMs, logger, onGone } = options;
  let renewedAt = Date.now();
  let underWay = false;
  let stopped = false;
  const stop = () => {
    stopped = true;
    clearInterval(timer);
  };
  const renew = async () => {
    if (underWay) return;
    underWay = true;
    // The channel counts from when it hears of it, which is not before now.
    const asked = Date.now();
    try {
      await connection.setVariable(channelId, TIMEOUT_VARIABLE, String(Math.ceil(timeoutMs / 1_000)));
      renewedAt = asked;
    } catch (error) {
      // A renewal that timed out here may still have reached Asterisk: hence one more interval of grace.
      const expired = Date.now() - renewedAt > timeoutMs + renewEveryMs;
      if (stopped) return;
      if (isGone(error) || expired) {
        stop();
        onGone();
      } else logger.warn({ channelId, err: error }, 'could not renew the absolute timeout of a channel');
    } finally {
      underWay = false;
    }
  };
  const timer = setInterval(() => void renew(), renewEveryMs);
  return stop;
}
