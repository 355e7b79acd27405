import type { Logger } from '../logger.ts';
import type { AriConnection } from './ari-connection.ts';
import type { ChannelNews } from './ari-events.ts';
import { asteriskError } from './asterisk-errors.ts';
import { type ChannelPhase, createChannelPhases } from './channel-phases.ts';
import { holdDeadMansSwitch } from './dead-mans-switch.ts';
import type { CallChannel, ChannelEnd } from './dialler.ts';
import { sendDtmf } from './dtmf.ts';
import { playSound } from './play-sound.ts';
import { removeUntilGone } from './remove-until-gone.ts';
import { waitFor } from './wait-for.ts';

/** ChannelDestroyed follows the acknowledged hang-up within milliseconds. */
const LAST_EVENT_MS = 2_000;

/** Q.850: 0 is said when nobody knows, also by Asterisk; 16 is normal clearing. */
const CAUSE_UNKNOWN = 0;
const NORMAL_CLEARING = 16;

export interface OwnChannelOptions {
  connection: AriConnection;
  channelId: string;
  absoluteTimeoutMs: number;
  renewEveryMs: number;
  logger: Pick<Logger, 'warn' | 'error'>;
}

/** One channel of ours from before it exists until it is gone. */
export interface OwnChannel {
  readonly phase: ChannelPhase;
  /** `undefined` while it isn't ended, and when it ended unheard. */
  readonly end: ChannelEnd | undefined;
  /** Whether it has entered our application: only then may it be dialled or bridged. */
  readonly entered: boolean;
  /** Whether any sign was ever seen that the far end was asked. */
  readonly wasDialled: boolean;
  /** Whether it was ever up. */
  readonly wasUp: boolean;
  /** Resolves when it has entered our application, and when it is gone. */
  readonly enteredOrEnded: Promise<void>;
  /** Resolves when the phase is at least this one (an ended channel has passed them all). */
  reached(phase: ChannelPhase): Promise<void>;
  onPhase(listener: (phase: ChannelPhase) => void): () => void;
  /** From now on its absolute timeout is renewed. */
  keepAlive(): void;
  /** DELETE until Asterisk confirms, then waits for the last event. Never rejects. `reason` is ARI's word. */
  hangup(reason?: 'normal' | 'no_answer'): Promise<'deleted' | 'absent' | 'unconfirmed'>;
  /** For a channel of which it is certain that it was never made: forgets it without asking Asterisk. */
  discard(): void;
  /** The view that a conversation has of it. */
  readonly asChannel: CallChannel;
}

/** Starts listening, so it is called before anything is sent. */
export function createOwnChannel(options: OwnChannelOptions): OwnChannel {
  const { connection, channelId, logger } = options;
  const gone = new AbortController();
  const ended = Promise.withResolvers<ChannelEnd>();
  const entrance = Promise.withResolvers<void>();
  const phases = createChannelPhases();
  const dtmfListeners = new Set<(digit: string) => void>();
  let end: ChannelEnd | undefined;
  let entered = false;
  /** What the far end gave as its reason. */
  let requestedCause: number | undefined;
  let byUs = false;
  /** Asterisk itself asked for the end: the dial's time was up. */
  let timedOut = false;
  let stopRenewing: () => void = () => undefined;
  let hangingUp: Promise<'deleted' | 'absent' | 'unconfirmed'> | undefined;

  const isBorn = () => entered || phases.furthest !== 'down';
  const isOver = () => phases.current === 'ended';

  /** `heard` is what ChannelDestroyed said. */
  const onEnd = (heard?: { cause: number; techCause: number | undefined }, reason = new Error('the channel is gone')) => {
    if (isOver()) return;
    end = heard && { ...heard, byUs, farEnd: farEnd() };
    stopRenewing();
    unlisten();
    phases.advance('ended');
    gone.abort(reason);
    entrance.resolve();
    ended.resolve(end ?? { cause: CAUSE_UNKNOWN, byUs });
    dtmfListeners.clear();
  };

  const onNews = (news: ChannelNews) => {
    if (news.kind === 'gone') return news.restarted ? onEnd(undefined, asteriskRestarted()) : onEnd();
    if (news.kind === 'read-back') return onState(news.channel.state);
    const { event } = news;
    switch (event.type) {
      case 'StasisStart':
        entered = true;
        return entrance.resolve();
      case 'Dial':
        if (event.peer?.id !== channelId) return;
        phases.advance('dialled');
        if (event.dialstatus === 'RINGING' || event.dialstatus === 'PROGRESS') phases.advance('ringing');
        if (event.dialstatus === 'ANSWER') phases.advance('up');
        return;
      case 'ChannelStateChange':
        return onState(event.channel?.state ?? '');
      case 'ChannelDtmfReceived':
        for (const listener of [...dtmfListeners]) listener(event.digit ?? '');
        return;
      case 'ChannelHangupRequest':
        if (event.soft) timedOut = true;
        else requestedCause = event.cause;
        return;
      case 'ChannelDestroyed':
        return onEnd({ cause: causeOf(event.cause ?? CAUSE_UNKNOWN), techCause: event.tech_cause });
    }
  };

  /**
   * When a Local callee declines at once, one time in four ChannelDestroyed has forgotten why and says 16; the request to hang up before it still knew (tried
   * on 22.10).
   */
  const causeOf = (cause: number) => {
    const isVague = cause === CAUSE_UNKNOWN || cause === NORMAL_CLEARING;
    return isVague && phases.furthest !== 'up' ? requestedCause || cause : cause;
  };

  const farEnd = (): ChannelEnd['farEnd'] => {
    if (byUs) return undefined;
    if (phases.furthest === 'ringing') return 'rang';
    return phases.furthest === 'dialled' && timedOut && requestedCause === undefined ? 'silent' : undefined;
  };

  const onState = (state: string) => {
    if (state === 'Up') phases.advance('up');
    else if (state === 'Ringing') phases.advance('ringing');
    else if (state !== 'Down') phases.advance('dialled');
  };

  const lastEvent = async () => {
    if (connection.state === 'connected') await waitFor(ended.promise, { timeoutMs: LAST_EVENT_MS, connection });
  };

  const removeIt = async (reason: string) => {
    byUs = true;
    // It must not outlive a hang-up that Asterisk never hears: its timeout runs from here.
    stopRenewing();
    const removed = await removeUntilGone(() => connection.hangup(channelId, reason), 2 * options.absoluteTimeoutMs);
    if (removed === 'unconfirmed')
      logger.error({ channelId }, 'Asterisk did not confirm a hang-up; the channel ends by its absolute timeout at the latest');
    // Gone either way: the event only adds why. What was never made has no last event.
    if (removed === 'deleted' || isBorn()) await lastEvent();
    onEnd();
    return removed;
  };

  const hangup = (reason = 'normal') => {
    // A reconnecting socket may call a channel gone whose `create` is still on its way: only what was born has surely died.
    hangingUp ??= isOver() && (end || isBorn()) ? Promise.resolve('absent') : removeIt(reason);
    return hangingUp;
  };

  const forget = () => {
    hangingUp ??= Promise.resolve('absent');
    onEnd();
  };

  const unlisten = connection.onChannel(channelId, onNews);

  return {
    get phase() {
      return phases.current;
    },
    get end() {
      return end;
    },
    get entered() {
      return entered;
    },
    enteredOrEnded: entrance.promise,
    get wasDialled() {
      return phases.furthest !== 'down';
    },
    get wasUp() {
      return phases.furthest === 'up';
    },
    reached: phases.reached,
    onPhase: phases.on,
    keepAlive() {
      if (isOver() || byUs) return;
      stopRenewing = holdDeadMansSwitch({
        connection,
        channelId,
        timeoutMs: options.absoluteTimeoutMs,
        renewEveryMs: options.renewEveryMs,
        logger,
        // While events don't reach us it may have been cut off by a restart: the read-back tells.
        onGone: () => connection.state === 'connected' && onEnd(),
      });
    },
    hangup,
    discard: forget,
    asChannel: {
      id: channelId,
      signal: gone.signal,
      ended: ended.promise,
      hangup: async () => void (await hangup()),
      letGo: forget,
      onDtmf(listener) {
        if (!isOver()) dtmfListeners.add(listener);
      },
      sendDtmf: (keys) => sendDtmf(connection, channelId, keys, gone.signal),
      play: (media, signal) =>
        playSound({ connection, channelId, media, signal: AbortSignal.any([signal, gone.signal]) }).catch((error: unknown) => {
          logger.warn({ channelId, err: error }, 'Asterisk could not play a sound');
          return false;
        }),
    },
  };
}

function asteriskRestarted() {
  return asteriskError('Asterisk restarted in the middle of the call', 'restarted', 'transient');
}
