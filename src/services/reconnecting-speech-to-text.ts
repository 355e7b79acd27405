import { createLasting, type ReconnectListeners } from './reconnect.ts';
import { DEFAULT_RECONNECT_POLICY, type ReconnectPolicy } from './reconnect-policy.ts';
import { createReplayLog, type ReplayEntry } from './replay-log.ts';
import { NO_WORDS, type SpeechToText, type SpeechToTextOptions, type SpeechToTextSession } from './speech-to-text.ts';

export interface ReconnectingOptions extends Partial<ReconnectPolicy>, ReconnectListeners {
  /**
   * Asked for every session after the first: the service behind its breaker, but one request a time, since the waits are ours. An error
   * whose code is `breaker-open` ends the reconnecting. Default: whoever is asked first.
   */
  reopen?: SpeechToText | undefined;
  /** How many times faster than it was spoken the sound is sent again: a service may refuse more than it can follow. 4 unless told otherwise. */
  replaySpeed?: number | undefined;
}

/** Sound in which nothing was understood yet is kept for so long: longer than it takes to notice a service that went quiet. Milliseconds. */
const SOUND_MS = 10_000;
/** Sound of an utterance that is being understood is kept for so long; the conversation commits a longer one. Milliseconds. */
const UTTERANCE_MS = 30_000;
/** A session that lasted for so long was well, whatever ended it. Milliseconds. */
const STABLE_MS = 10_000;
/** A commit is taken for answered or never to be after so long; longer than a session waits itself. Milliseconds. */
const FORGOTTEN_MS = 8_000;
/** Replay goes in steps of so long. Milliseconds. */
const STEP_MS = 50;

/**
 * A session that outlives its connections. When one is lost, audio is kept, and the next one is told everything that had not become
 * final: the caller notices nothing but later words.
 */
export function createReconnectingSpeechToText(inner: SpeechToText, options: ReconnectingOptions = {}): SpeechToText {
  return {
    async open(request) {
      const { start, session } = createLastingSession(inner, request, options);
      await start();
      return session;
    },
  };
}

function createLastingSession(inner: SpeechToText, request: SpeechToTextOptions, options: ReconnectingOptions) {
  const { reopen = inner, replaySpeed = 4, onLost, onReconnected, ...given } = options;
  const bytesPerMs = (request.sampleRate * 2) / 1000;
  const log = createReplayLog({ bytesPerMs, forgottenMs: FORGOTTEN_MS });
  let replay: NodeJS.Timeout | undefined;
  /** The latest interim transcript, and the one that was told before the session was lost. */
  let interim = '';
  let told = '';

  const lasting = createLasting<SpeechToTextSession>({
    ...{ policy: { ...DEFAULT_RECONNECT_POLICY, ...given }, signal: request.signal, onLost, onReconnected, onError: request.onError },
    open: ({ loss, whileLiving, ...connecting }) =>
      (loss ? reopen : inner).open({
        ...request,
        ...connecting,
        avoid: loss?.code === NO_WORDS ? loss.service : undefined,
        onInterim: whileLiving(onInterim),
        onFinal: whileLiving(onFinal),
      }),
    onLiving: startReplay,
    onLoss: (error, livedMs) => {
      endReplay();
      log.rewind();
      // One that understood nothing wasn't well, however long it lasted.
      if (livedMs > STABLE_MS && error.code !== NO_WORDS) lasting.allIsWell();
    },
    onEnd: () => {
      endReplay();
      log.clear();
    },
  });

  function startReplay(): void {
    told = interim;
    replay = setInterval(() => sendOn(STEP_MS * replaySpeed * bytesPerMs), STEP_MS);
    sendOn(0);
  }

  function endReplay(): void {
    clearInterval(replay);
    replay = undefined;
  }

  /** Sends what waits, at most so much and a little; and no longer little by little once nothing waits any more. */
  function sendOn(maxBytes: number): void {
    let bytes = 0;
    while (lasting.session && !log.caughtUp && bytes <= maxBytes) {
      const entry = log.next();
      if (entry?.kind === 'audio') {
        bytes += entry.pcm.length;
        lasting.session.send(entry.pcm);
      } else lasting.session.commit();
    }
    if (log.caughtUp) endReplay();
  }

  function take(entry: ReplayEntry): void {
    if (lasting.isOver) return;
    log.push(entry);
    log.trim(interim === '' ? SOUND_MS : UTTERANCE_MS);
    if (replay === undefined) sendOn(Number.POSITIVE_INFINITY);
  }

  function onInterim(text: string): void {
    // A new session begins with the first word again, which the caller has long heard of.
    if (text.length < told.length) return;
    told = '';
    if (text !== '') interim = text;
    request.onInterim(text);
  }

  function onFinal(text: string): void {
    log.answered();
    interim = '';
    told = '';
    if (text !== '') lasting.allIsWell();
    request.onFinal(text);
  }

  const session: SpeechToTextSession = {
    send: (pcm) => take({ kind: 'audio', pcm }),
    commit: () => take({ kind: 'commit' }),
    distrust: () => lasting.session?.distrust?.(),
    close: lasting.close,
  };
  return { start: lasting.start, session };
}
