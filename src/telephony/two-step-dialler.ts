import { ServiceError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { AriConnection } from './ari-connection.ts';
import { asteriskError, isNeverSent, TRUNK_OFFLINE } from './asterisk-errors.ts';
import { ABSOLUTE_TIMEOUT_MS, absoluteTimeout, RENEW_EVERY_MS } from './dead-mans-switch.ts';
import type { ChannelEnd, Dialler, DialRequest, DialResult } from './dialler.ts';
import { createOwnChannel, type OwnChannel } from './own-channel.ts';
import { trunkName } from './trunk-name.ts';
import { waitFor } from './wait-for.ts';

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

  const create = async (channel: OwnChannel, request: DialRequest): Promise<ServiceError | undefined> => {
    try {
      await connection.createChannel({
        channelId: request.channelId,
        endpoint: request.endpoint,
        app: connection.app,
        variables: { ...absoluteTimeout(absoluteTimeoutMs), ...callerIdVariables(request.callerId) },
      });
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      if (isNeverSent(error)) channel.discard();
      const removed = await channel.hangup();
      // Asterisk says 500, and after a true 409 on the same connection 409, to a dial string that leads nowhere and to a trunk that is offline.
      if (error.status === 500 || (error.status === 409 && removed === 'absent')) return whyRefused(request.endpoint, error);
      return error.status === 409 ? asteriskError('A channel of that name was still alive', 'channel-exists', 'transient', error) : error;
    }
    // `dial` before StasisStart is refused, one time in seven.
    await waitFor(channel.enteredOrEnded, { signal: request.signal, timeoutMs: stasisStartTimeoutMs, connection });
    channel.keepAlive();
    return whyNotToDial(channel, request);
  };

  const whyRefused = async (endpoint: string, error: ServiceError): Promise<ServiceError> => {
    const [technology = '', resource = ''] = trunkName(endpoint).split('/');
    const state = await connection.endpointState(technology, resource).catch(() => undefined);
    if (state === 'offline')
      return asteriskError(`Asterisk reaches nobody at ${technology}/${resource}: it is offline`, TRUNK_OFFLINE, 'transient', error);
    const shown = endpoint.replaceAll(/\d{4,}/g, '…');
    const advice = 'check the dial string, and that its trunk is configured and reachable';
    return asteriskError(`Asterisk can't make a channel for "${shown}": ${advice}`, 'allocation-failed', 'permanent', error);
  };

  /** Reasons, known before `dial`, not to send it. */
  const whyNotToDial = (channel: OwnChannel, { signal }: DialRequest): ServiceError | undefined => {
    if (signal.aborted) return aborted(signal);
    if (channel.phase === 'ended') return channelGone();
    if (!channel.entered) return asteriskError('The created channel did not enter our application', 'no-stasis-start', 'transient');
    if (connection.state !== 'connected') return eventsAreAway();
    return undefined;
  };

  const ring = async (channel: OwnChannel, request: DialRequest): Promise<DialResult> => {
    const asked = connection.dial(request.channelId, Math.ceil(request.answerTimeoutMs / 1_000)).then(
      () => undefined,
      (error: unknown) => asServiceError(error),
    );
    const { signal } = request;
    // Events may be faster than the answer, and may be all that comes.
    await waitFor(Promise.race([asked, channel.reached('up')]), { signal });
    const refused = channel.wasUp || (channel.phase === 'ended' && channel.wasDialled) || signal.aborted ? undefined : await asked;
    if (refused) return afterRefusal(channel, request, refused);
    await waitFor(channel.reached('up'), { signal, timeoutMs: request.answerTimeoutMs + answerGraceMs });
    if (channel.wasUp) return { kind: 'answered', channel: channel.asChannel };
    if (channel.phase === 'ended')
      return channel.end ? { kind: 'unanswered', end: channel.end } : { kind: 'unknown', error: endedUnheard() };
    return endOurselves(channel, request, asked);
  };

  /** `dial` was not answered with success: either it is certain that nothing was sent, or the channel goes and nobody knows. */
  const afterRefusal = async (channel: OwnChannel, { channelId }: DialRequest, error: ServiceError): Promise<DialResult> => {
    let certain = isNeverSent(error) || (error.status !== undefined && error.status >= 400 && error.status < 500);
    // "Not in Stasis" and "not Down" are both 409; the state tells them apart, and what can't be asked is not certain.
    if (error.status === 409) certain = await connection.getChannel(channelId).then(isUndialled, () => false);
    const removed = await channel.hangup();
    if (certain && !channel.wasDialled) return { kind: 'not-sent', error: explainDial(error) };
    if (removed === 'absent' && channel.end && channel.wasDialled && !channel.wasUp)
      return { kind: 'unanswered', end: { ...channel.end, byUs: false } };
    return { kind: 'unknown', error };
  };

  /** Aborted, or Asterisk's own dial timeout did not come. */
  const endOurselves = async (
    channel: OwnChannel,
    { signal }: DialRequest,
    asked: Promise<ServiceError | undefined>,
  ): Promise<DialResult> => {
    const cause = signal.aborted ? NORMAL_CLEARING : NO_ANSWER;
    const removed = await channel.hangup(signal.aborted ? 'normal' : 'no_answer');
    const error = await asked;
    if (!channel.wasDialled && error && (isNeverSent(error) || error.status === 404))
      return { kind: 'not-sent', error: explainDial(error) };
    if (removed === 'unconfirmed' || error) return { kind: 'unknown', error: error ?? endedUnheard() };
    const end: ChannelEnd = channel.end ?? { cause, byUs: true };
    return { kind: 'unanswered', end };
  };

  return {
    async dial(request) {
      if (request.signal.aborted) return { kind: 'not-sent', error: aborted(request.signal) };
      // A call that is answered while nobody hears the event would be dropped.
      if (connection.state !== 'connected') return { kind: 'not-sent', error: eventsAreAway() };
      const { channelId } = request;
      const channel = createOwnChannel({ connection, channelId, absoluteTimeoutMs, renewEveryMs, logger });
      let answered = false;
      try {
        const notCreated = await create(channel, request);
        if (notCreated) return { kind: 'not-sent', error: notCreated };
        if (!(await request.mark())) return { kind: 'not-mine' };
        const tooLate = whyNotToDial(channel, request);
        if (tooLate) return { kind: 'not-sent', error: tooLate };
        reportProgress(channel, request);
        const result = await ring(channel, request);
        answered = result.kind === 'answered';
        return result;
      } finally {
        if (!answered) await channel.hangup();
      }
    },
  };
}

function reportProgress(channel: OwnChannel, { onProgress }: DialRequest): void {
  onProgress('dialing');
  const stop = channel.onPhase((phase) => {
    if (phase === 'ringing') onProgress('ringing');
    if (phase !== 'dialled') stop();
  });
}

/**
 * On a channel made by `create` it is the *connected* line that an INVITE's From tells; CALLERID alone leaves it "Anonymous" (tried on 22.10). Local channels
 * show their callee CALLERID.
 */
function callerIdVariables(callerId: string): Record<string, string> {
  return { 'CALLERID(num)': callerId, 'CONNECTEDLINE(num,i)': callerId };
}

function isUndialled(channel: { state: string } | undefined): boolean {
  return channel === undefined || channel.state === 'Down';
}

/** A channel that is gone is not an error of the request: another one will do. */
function explainDial(error: ServiceError): ServiceError {
  return error.status === 404 || error.status === 409 ? channelGone(error) : error;
}

function channelGone(cause?: unknown): ServiceError {
  return asteriskError('The channel was gone before it was dialled', 'channel-gone', 'transient', cause);
}

function aborted(signal: AbortSignal): ServiceError {
  return asteriskError('The dial was called off', 'aborted', 'transient', signal.reason);
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
