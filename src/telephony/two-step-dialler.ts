import { ServiceError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { AriConnection } from './ari-connection.ts';
import { asteriskError, isNeverSent } from './asterisk-errors.ts';
import { type CallLeg, createCallLeg } from './call-leg.ts';
import { ABSOLUTE_TIMEOUT_MS, absoluteTimeout, RENEW_EVERY_MS } from './dead-mans-switch.ts';
import type { ChannelEnd, Dialler, DialRequest, DialResult } from './dialler.ts';

export interface DiallerOptions {
  logger: Pick<Logger, 'warn' | 'error'>;
  /** A created channel announces itself within milliseconds. */
  stasisStartTimeoutMs?: number;
  /** How much longer than Asterisk's own dial timeout we wait before we end it ourselves. */
  answerGraceMs?: number;
  absoluteTimeoutMs?: number;
  renewEveryMs?: number;
}

/** Q.850, as Asterisk gives them. */
const NORMAL_CLEARING = 16;
const NO_ANSWER = 19;

/**
 * Dials in two requests, neither ever repeated: `create` makes a channel of which nobody outside knows, `dial` sends the INVITE. In between stands `mark`. Once
 * Asterisk has acknowledged the DELETE of a channel, no late `dial` can make a phone ring.
 */
export function createDialler(connection: AriConnection, options: DiallerOptions): Dialler {
  const { stasisStartTimeoutMs = 5_000, answerGraceMs = 5_000, logger } = options;
  const { absoluteTimeoutMs = ABSOLUTE_TIMEOUT_MS, renewEveryMs = RENEW_EVERY_MS } = options;

  const create = async (leg: CallLeg, request: DialRequest): Promise<ServiceError | undefined> => {
    try {
      await connection.createChannel({
        channelId: request.channelId,
        endpoint: request.endpoint,
        app: connection.app,
        variables: { ...absoluteTimeout(absoluteTimeoutMs), ...callerIdVariables(request.callerId) },
      });
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      if (isNeverSent(error)) leg.discard();
      const removed = await leg.hangup();
      return explainCreate(error, removed, request.endpoint);
    }
    // `dial` before StasisStart is refused, one time in seven.
    await firstOf(leg.reached('ready'), { signal: request.signal, timeoutMs: stasisStartTimeoutMs, connection });
    leg.keepAlive();
    return whyNotToDial(leg, request);
  };

  /** Reasons, known before `dial`, not to send it. */
  const whyNotToDial = (leg: CallLeg, { signal }: DialRequest): ServiceError | undefined => {
    if (signal.aborted) return aborted(signal);
    if (leg.phase === 'ended') return asteriskError('The channel was gone before it was dialled', 'channel-gone', 'transient');
    if (leg.phase === 'unborn') return asteriskError('The created channel did not enter our application', 'no-stasis-start', 'transient');
    if (connection.state !== 'connected') return eventsAreAway();
    return undefined;
  };

  const ring = async (leg: CallLeg, request: DialRequest): Promise<DialResult> => {
    const asked = connection.dial(request.channelId, Math.ceil(request.answerTimeoutMs / 1_000)).then(
      () => undefined,
      (error: unknown) => asServiceError(error),
    );
    const { signal } = request;
    // Events may be faster than the answer, and may be all that comes.
    await firstOf(Promise.race([asked, leg.reached('up')]), { signal });
    const refused = leg.wasUp || (leg.phase === 'ended' && leg.wasDialled) || signal.aborted ? undefined : await asked;
    if (refused) return afterRefusal(leg, request, refused);
    await firstOf(leg.reached('up'), { signal, timeoutMs: request.answerTimeoutMs + answerGraceMs });
    if (leg.wasUp) return { kind: 'answered', channel: leg.asChannel };
    if (leg.phase === 'ended') return leg.end ? { kind: 'unanswered', end: leg.end } : { kind: 'unknown', error: endedUnheard() };
    return endOurselves(leg, request, asked);
  };

  /** `dial` was not answered with success: either it is certain that nothing was sent, or the channel goes and nobody knows. */
  const afterRefusal = async (leg: CallLeg, { channelId }: DialRequest, error: ServiceError): Promise<DialResult> => {
    let certain = isNeverSent(error) || (error.status !== undefined && error.status >= 400 && error.status < 500);
    // "Not in Stasis" and "not Down" are both 409; the state tells them apart, and what can't be asked is not certain.
    if (error.status === 409) certain = await connection.getChannel(channelId).then(isUndialled, () => false);
    const removed = await leg.hangup();
    if (certain && !leg.wasDialled) return { kind: 'not-sent', error };
    if (removed === 'absent' && leg.end && leg.wasDialled && !leg.wasUp) return { kind: 'unanswered', end: { ...leg.end, byUs: false } };
    return { kind: 'unknown', error };
  };

  /** Aborted, or Asterisk's own dial timeout did not come. */
  const endOurselves = async (leg: CallLeg, { signal }: DialRequest, asked: Promise<ServiceError | undefined>): Promise<DialResult> => {
    const cause = signal.aborted ? NORMAL_CLEARING : NO_ANSWER;
    const removed = await leg.hangup(signal.aborted ? 'normal' : 'no_answer');
    const error = await asked;
    if (!leg.wasDialled && error && (isNeverSent(error) || error.status === 404)) return { kind: 'not-sent', error };
    if (removed === 'unconfirmed' || error) return { kind: 'unknown', error: error ?? endedUnheard() };
    const end: ChannelEnd = leg.end ?? { cause, byUs: true };
    return { kind: 'unanswered', end };
  };

  return {
    async dial(request) {
      if (request.signal.aborted) return { kind: 'not-sent', error: aborted(request.signal) };
      // A call that is answered while nobody hears the event would be dropped.
      if (connection.state !== 'connected') return { kind: 'not-sent', error: eventsAreAway() };
      const { channelId } = request;
      const leg = createCallLeg({ connection, channelId, absoluteTimeoutMs, renewEveryMs, logger });
      let answered = false;
      try {
        const notCreated = await create(leg, request);
        if (notCreated) return { kind: 'not-sent', error: notCreated };
        if (!(await request.mark())) return { kind: 'not-mine' };
        const tooLate = whyNotToDial(leg, request);
        if (tooLate) return { kind: 'not-sent', error: tooLate };
        reportProgress(leg, request);
        const result = await ring(leg, request);
        answered = result.kind === 'answered';
        return result;
      } finally {
        if (!answered) await leg.hangup();
      }
    },
  };
}

function reportProgress(leg: CallLeg, { onProgress }: DialRequest): void {
  onProgress('dialing');
  const stop = leg.onPhase((phase) => {
    if (phase === 'ringing') onProgress('ringing');
    if (phase !== 'dialled') stop();
  });
}

/** Waits for `done`, the abort, the end of the time, or the loss of the event socket; the caller looks which it was. */
async function firstOf(
  done: Promise<unknown>,
  { signal, timeoutMs, connection }: { signal: AbortSignal; timeoutMs?: number; connection?: AriConnection },
): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const onAbort = () => resolve();
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) resolve();
  const timer = timeoutMs === undefined ? undefined : setTimeout(resolve, timeoutMs);
  const unwatch = connection?.onState(onAbort);
  try {
    await Promise.race([done, over]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    clearTimeout(timer);
    unwatch?.();
  }
}

function callerIdVariables(callerId: string): Record<string, string> {
  return { 'CALLERID(num)': callerId };
}

function isUndialled(channel: { state: string } | undefined): boolean {
  return channel === undefined || channel.state === 'Down';
}

function explainCreate(error: ServiceError, removed: string, endpoint: string): ServiceError {
  // Asterisk says 500, and after a true 409 on the same connection 409, to a dial string that leads nowhere.
  const refused = error.status === 500 || (error.status === 409 && removed === 'absent');
  if (!refused) return error;
  const shown = endpoint.replaceAll(/\d{4,}/g, '…');
  const advice = 'check the dial string, and that its trunk is configured and reachable';
  return asteriskError(`Asterisk can't make a channel for "${shown}": ${advice}`, 'allocation-failed', 'permanent', error);
}

function aborted(signal: AbortSignal): ServiceError {
  return asteriskError('The dial was called off', 'aborted', 'permanent', signal.reason);
}

function eventsAreAway(): ServiceError {
  return asteriskError("Asterisk's events don't reach us, so nothing is dialled", 'event-socket-down', 'transient');
}

function endedUnheard(): ServiceError {
  return asteriskError('The channel ended while its events did not reach us: whether it rang is unknown', 'ended-unheard', 'transient');
}

function asServiceError(error: unknown): ServiceError {
  return error instanceof ServiceError ? error : asteriskError(`dial failed: ${String(error)}`, 'dial', 'permanent', error);
}
