import type { ServiceError } from '../errors.ts';
import type { MediaLeg, SpeechChange } from '../media/media-leg.ts';
import type { SpeechToText, SpeechToTextSession } from '../services/speech-to-text.ts';
import { endpointDelayMs } from './endpointing.ts';
import { createTimer } from './timer.ts';
import { whenAborted } from './when-aborted.ts';
import { createWordlessWatch } from './wordless.ts';

/** After a commit, how long the final transcript may take before we go on without it. */
const FINAL_WAIT_MS = 3_000;
/** Sound that lasts longer than this in one go isn't somebody talking to us (music, a television): it is committed as it stands. */
const MAX_UTTERANCE_MS = 30_000;
/** Words have come in that the detector didn't take for speech: after so much quiet they are committed. */
const UNDETECTED_MS = 1_500;
/** One turn of the callee, at most. */
const MAX_TURN_CHARACTERS = 4_000;

const NOT_ENDED: TurnEnding = { voiceEndedMs: undefined, speechEndedMs: undefined, finalMs: undefined };

/** What the callee did while nobody waited for their turn to end. */
export type CalleeSound =
  /** `paused`: it has paused our playout already. */
  | { kind: 'speech'; atMs: number; paused: boolean }
  /** What is understood of this turn so far. */
  | { kind: 'words'; text: string }
  /** A silence; what is understood so far may be all. They may also go on, or more of it may be understood. */
  | { kind: 'pause'; text: string }
  /** They have finished, and everything that could be understood was. */
  | { kind: 'quiet' };

/** When a turn of the callee ended, step by step. Milliseconds from the answer; undefined where the step was left out. */
export interface TurnEnding {
  /** The last frame with voice in it. */
  voiceEndedMs: number | undefined;
  /** The detector took the silence for an end. */
  speechEndedMs: number | undefined;
  /** The last final transcript. */
  finalMs: number | undefined;
}

export type CalleeTurn =
  | { kind: 'said'; text: string; atMs: number; ending: TurnEnding }
  /** There was a sound, but no words in it. */
  | { kind: 'unclear' }
  | { kind: 'silent' };

/** Listens to the callee, all the time. */
export interface Ear {
  /** Resolves when speech-to-text listens. Frames count from `start` on. */
  readonly ready: Promise<void>;
  start(): void;
  /** The callee is making a sound right now. */
  readonly speaking: boolean;
  /** The session is gone. */
  readonly error: ServiceError | undefined;
  /** Called when the callee begins to speak, and for everything that is understood of it, also before they have finished. */
  onSound(listener: (sound: CalleeSound) => void): () => void;
  onError(listener: (error: ServiceError) => void): () => void;
  /**
   * The callee's beginning to speak pauses our playout in that very frame, also when we are too busy to notice, as long as this said so (it is asked with
   * every frame). Whoever asks for it sees to it that playout goes on. Returns how to end it.
   */
  pauseWhile(wanted: (atMs: number) => boolean): () => void;
  /** The callee's next turn, or `silent` after `silenceMs` without one. Rejects when the signal aborts. */
  turn(options: { silenceMs: number; signal: AbortSignal }): Promise<CalleeTurn>;
  /** What was said while nobody waited for it, taken out. Undefined when there is nothing, or they are still at it. */
  takeWords(): { text: string; atMs: number } | undefined;
  /** Everything of the turn that is going on, also what is not final yet. For the end of a call, which waits for nothing. */
  readonly halfHeard: { text: string; atMs: number } | undefined;
}

export interface EarOptions {
  leg: MediaLeg;
  speechToText: SpeechToText;
  language: string;
  /** Milliseconds from the answer. */
  now: () => number;
  /** Ends the listening. */
  signal: AbortSignal;
}

export function createEar(options: EarOptions): Ear {
  const { leg, speechToText, now, signal } = options;
  const soundListeners = new Set<(sound: CalleeSound) => void>();
  const errorListeners = new Set<(error: ServiceError) => void>();
  const timers = {
    utterance: createTimer(),
    final: createTimer(),
    undetected: createTimer(),
    endpoint: createTimer(),
    silence: createTimer(),
  };
  let session: SpeechToTextSession | undefined;
  let error: ServiceError | undefined;
  let words: string[] = [];
  let interim = '';
  let speechAtMs: number | undefined;
  let speaking = false;
  let unclear = false;
  let finalsDue = 0;
  let wasBusy = false;
  const wordless = createWordlessWatch(() => session?.distrust?.());
  let ending: TurnEnding = NOT_ENDED;
  let pauseWanted: ((atMs: number) => boolean) | undefined;
  let armed = false;
  let waiting: { silenceMs: number; resolve: (turn: CalleeTurn) => void } | undefined;

  const tell = (sound: CalleeSound) => {
    for (const listener of [...soundListeners]) listener(sound);
  };

  function beginSpeech(atMs: number, paused: boolean): void {
    speaking = true;
    wordless.speechBegins(atMs);
    timers.undetected.stop();
    timers.endpoint.stop();
    speechAtMs ??= atMs;
    timers.utterance.start(MAX_UTTERANCE_MS, () => {
      endSpeech(now());
    });
    // Whoever asked for the pause is gone.
    if (paused && !pauseWanted) leg.resume();
    tell({ kind: 'speech', atMs, paused });
    settle();
  }

  function endSpeech(atMs: number): void {
    speaking = false;
    wordless.speechEnds(atMs);
    ending = { ...ending, speechEndedMs: atMs };
    commit();
    const text = understood();
    if (text !== '') tell({ kind: 'pause', text });
  }

  const understood = () => [...words, interim].filter((part) => part !== '').join(' ');

  /** Somebody who hasn't finished their sentence is given time to; the more so in the middle of a number. */
  function awaitMore(): void {
    const { speechEndedMs } = ending;
    const text = understood();
    if (speaking || speechEndedMs === undefined || text === '') return;
    const leftMs = speechEndedMs + endpointDelayMs(text) - now();
    if (leftMs > 0) timers.endpoint.start(leftMs, settle);
    else timers.endpoint.stop();
  }

  function commit(): void {
    timers.utterance.stop();
    timers.undetected.stop();
    finalsDue++;
    session?.commit();
    timers.final.start(FINAL_WAIT_MS, () => {
      finalsDue = 0;
      unclear = true;
      wordless.nothingCame();
      settle();
    });
    awaitMore();
    settle();
  }

  function onInterim(text: string): void {
    if (signal.aborted || text.trim() === '') return;
    wordless.wordsCame();
    interim = text.trim().slice(0, MAX_TURN_CHARACTERS);
    speechAtMs ??= now();
    tell({ kind: 'words', text: understood() });
    if (speaking || finalsDue > 0) return;
    timers.undetected.start(UNDETECTED_MS, commit);
    settle();
  }

  function onFinal(text: string): void {
    if (signal.aborted) return;
    timers.undetected.stop();
    interim = '';
    finalsDue = Math.max(0, finalsDue - 1);
    if (finalsDue === 0) timers.final.stop();
    const said = text.trim();
    ending = { ...ending, finalMs: now() };
    if (said === '') {
      unclear = true;
      wordless.nothingCame();
    } else {
      wordless.wordsCame();
      speechAtMs ??= now();
      if (words.join(' ').length < MAX_TURN_CHARACTERS) words.push(said.slice(0, MAX_TURN_CHARACTERS));
      tell({ kind: 'words', text: words.join(' ') });
      if (!speaking && finalsDue === 0) tell({ kind: 'pause', text: words.join(' ') });
    }
    awaitMore();
    settle();
  }

  const busy = () => speaking || finalsDue > 0 || timers.undetected.running || timers.endpoint.running;

  function takeWords(): { text: string; atMs: number; ending: TurnEnding } | undefined {
    if (busy()) return undefined;
    const taken = words.length > 0 ? { text: words.join(' '), atMs: speechAtMs ?? now(), ending } : undefined;
    ending = NOT_ENDED;
    words = [];
    interim = '';
    speechAtMs = undefined;
    unclear = false;
    return taken;
  }

  /** Gives whoever waits for the callee's turn what there is, once the callee has finished. */
  function settle(): void {
    timers.silence.stop();
    const ended = wasBusy && !busy();
    wasBusy = busy();
    if (ended) tell({ kind: 'quiet' });
    if (waiting === undefined || busy()) return;
    const { silenceMs, resolve } = waiting;
    const wasUnclear = unclear;
    const said = takeWords();
    if (said) resolve({ kind: 'said', ...said });
    else if (wasUnclear) resolve({ kind: 'unclear' });
    else timers.silence.start(silenceMs, () => resolve({ kind: 'silent' }));
  }

  function arm(): void {
    const wanted = pauseWanted?.(now()) ?? false;
    if (wanted === armed) return;
    armed = wanted;
    leg.pauseOnSpeech(wanted);
  }

  /** The leg noticed it when it happened; we may be late. */
  function onSpeechChange({ change, at, paused }: SpeechChange): void {
    const atMs = Math.max(0, now() - (performance.now() - at));
    if (change === 'speech-start') beginSpeech(atMs, paused);
    // A speech that was committed for its length has ended already.
    else if (speaking) endSpeech(atMs);
  }

  /** Somebody who picks up may have begun before we listen. */
  let alreadySpeaks: SpeechChange | undefined;
  const stopWaiting = leg.onFrame((_frame, speech) => {
    if (speech) alreadySpeaks = speech.change === 'speech-start' ? speech : undefined;
  });
  whenAborted(signal, stopWaiting);

  function start(): void {
    stopWaiting();
    if (alreadySpeaks) onSpeechChange(alreadySpeaks);
    const unsubscribe = leg.onFrame((frame, speech) => {
      session?.send(frame);
      if (speaking && isVoiced(frame)) ending = { ...ending, voiceEndedMs: now() };
      if (speech) onSpeechChange(speech);
      arm();
    });
    whenAborted(signal, unsubscribe);
  }

  whenAborted(signal, () => {
    for (const timer of Object.values(timers)) timer.stop();
    session?.close();
  });

  async function open(): Promise<void> {
    session = await speechToText.open({
      sampleRate: leg.sampleRate,
      language: options.language,
      // Somebody whom our own detector doesn't hear: too quiet, or too far away.
      onSpeech: () => busy() || tell({ kind: 'speech', atMs: now(), paused: false }),
      onInterim,
      onFinal,
      onError(failure) {
        error = failure;
        for (const listener of [...errorListeners]) listener(failure);
      },
      signal,
    });
    if (signal.aborted) session.close();
  }

  const ready = open();
  // Whoever waits for it is told; nobody has to.
  ready.catch(() => {});

  return {
    ready,
    start,
    get speaking() {
      return speaking;
    },
    get error() {
      return error;
    },
    onSound: (listener) => subscribe(soundListeners, listener),
    onError: (listener) => subscribe(errorListeners, listener),
    pauseWhile(wanted) {
      pauseWanted = wanted;
      arm();
      return () => {
        if (pauseWanted !== wanted) return;
        pauseWanted = undefined;
        arm();
      };
    },
    turn({ silenceMs, signal: turnSignal }) {
      return new Promise<CalleeTurn>((resolve, reject) => {
        if (turnSignal.aborted) return reject(turnSignal.reason);
        const finish = () => {
          waiting = undefined;
          timers.silence.stop();
          unlisten();
        };
        const unlisten = whenAborted(turnSignal, () => {
          finish();
          reject(turnSignal.reason);
        });
        waiting = {
          silenceMs,
          resolve(turn) {
            finish();
            resolve(turn);
          },
        };
        settle();
      });
    },
    takeWords,
    get halfHeard() {
      const text = understood();
      return text === '' ? undefined : { text, atMs: speechAtMs ?? now() };
    },
  };
}

/** About -40 dBFS. Only measures: what counts as speech is the detector's to say. */
const VOICED_LEVEL = 330;

function isVoiced(frame: Buffer): boolean {
  let energy = 0;
  for (let at = 0; at + 1 < frame.length; at += 2) energy += frame.readInt16LE(at) ** 2;
  return energy > VOICED_LEVEL ** 2 * (frame.length / 2);
}

function subscribe<Listener>(listeners: Set<Listener>, listener: Listener): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}
