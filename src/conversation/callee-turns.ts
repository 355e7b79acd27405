import { endpointDelayMs } from './endpointing.ts';
import { createTimer } from './timer.ts';
import type { Utterances } from './utterances.ts';
import { whenAborted } from './when-aborted.ts';

/** One turn of the callee, at most. */
const MAX_TURN_CHARACTERS = 4_000;

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

interface TurnSoFar {
  finals: string[];
  interim: string;
  /** Its first sound or word. */
  atMs: number | undefined;
  /** There was a sound without words. */
  unclear: boolean;
  ending: TurnEnding;
}

const newTurn = (): TurnSoFar => ({
  finals: [],
  interim: '',
  atMs: undefined,
  unclear: false,
  ending: { voiceEndedMs: undefined, speechEndedMs: undefined, finalMs: undefined },
});

/** Gathers the callee's utterances into turns, and decides when a turn is over. Whoever tells it something calls `settle` when all is told. */
export interface CalleeTurns {
  /** They have finished, as far as can be told, and what they said is final. */
  readonly over: boolean;
  /** What is understood of the turn that is going on, also what is not final yet. */
  readonly text: string;
  readonly atMs: number | undefined;
  readonly ending: Readonly<TurnEnding>;
  soundBegan(atMs: number): void;
  voiceHeard(): void;
  soundEnded(atMs: number): void;
  interim(text: string): void;
  /** Empty: there was a sound, but no words in it. */
  final(text: string): void;
  /** What was said last will not become final: what was understood of it counts. */
  finalMissing(): void;
  /** Decides anew whether the turn is over. */
  settle(): void;
  /** See `Ear.turn`. */
  next(options: { silenceMs: number; signal: AbortSignal }): Promise<CalleeTurn>;
  /** See `Ear.takeWords`. */
  take(): Extract<CalleeTurn, { kind: 'said' }> | undefined;
  stop(): void;
}

export interface CalleeTurnsOptions {
  utterances: Pick<Utterances, 'speaking' | 'open'>;
  /** Called when they have finished, whether somebody waits for that or not. */
  onOver: () => void;
  /** Milliseconds from the answer. */
  now: () => number;
}

export function createCalleeTurns({ utterances, onOver, now }: CalleeTurnsOptions): CalleeTurns {
  const timers = { endpoint: createTimer(), silence: createTimer() };
  let turn = newTurn();
  let wasOver = true;
  /** What was said last has been taken as it was understood; should it become final after all, it is known. */
  let late = false;
  let waiting: { silenceMs: number; resolve: (turn: CalleeTurn) => void } | undefined;

  const text = () => [...turn.finals, turn.interim].filter((part) => part !== '').join(' ');
  const over = () => !utterances.open && !timers.endpoint.running;

  /** Somebody who hasn't finished their sentence is given time to; the more so in the middle of a number. */
  function awaitMore(): void {
    const { speechEndedMs } = turn.ending;
    if (utterances.speaking || speechEndedMs === undefined || text() === '') return;
    const leftMs = speechEndedMs + endpointDelayMs(text()) - now();
    if (leftMs > 0) timers.endpoint.start(leftMs, giveWhenOver);
    else timers.endpoint.stop();
  }

  function take(): Extract<CalleeTurn, { kind: 'said' }> | undefined {
    if (!over()) return undefined;
    const { finals, atMs = now(), ending } = turn;
    turn = newTurn();
    return finals.length > 0 ? { kind: 'said', text: finals.join(' '), atMs, ending } : undefined;
  }

  function giveWhenOver(): void {
    timers.silence.stop();
    const ends = !wasOver && over();
    wasOver = over();
    if (ends) onOver();
    if (waiting === undefined || !over()) return;
    const { silenceMs, resolve } = waiting;
    const { unclear } = turn;
    const said = take();
    if (said) resolve(said);
    else if (unclear) resolve({ kind: 'unclear' });
    else timers.silence.start(silenceMs, () => resolve({ kind: 'silent' }));
  }

  function next({ silenceMs, signal }: { silenceMs: number; signal: AbortSignal }): Promise<CalleeTurn> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const finish = () => {
        waiting = undefined;
        timers.silence.stop();
        unlisten();
      };
      const unlisten = whenAborted(signal, () => {
        finish();
        reject(signal.reason);
      });
      waiting = {
        silenceMs,
        resolve(given) {
          finish();
          resolve(given);
        },
      };
      giveWhenOver();
    });
  }

  return {
    get over() {
      return over();
    },
    get text() {
      return text();
    },
    get atMs() {
      return turn.atMs;
    },
    get ending() {
      return turn.ending;
    },
    soundBegan(atMs) {
      timers.endpoint.stop();
      late = false;
      turn.atMs ??= atMs;
    },
    voiceHeard() {
      turn.ending.voiceEndedMs = now();
    },
    soundEnded(atMs) {
      turn.ending.speechEndedMs = atMs;
    },
    interim(words) {
      late = false;
      turn.interim = words.slice(0, MAX_TURN_CHARACTERS);
      turn.atMs ??= now();
    },
    final(words) {
      if (late) return;
      turn.interim = '';
      turn.ending.finalMs = now();
      if (words === '') turn.unclear = true;
      else turn.atMs ??= now();
      if (words !== '' && turn.finals.join(' ').length < MAX_TURN_CHARACTERS) turn.finals.push(words.slice(0, MAX_TURN_CHARACTERS));
    },
    finalMissing() {
      late = turn.interim !== '';
      if (late) turn.finals.push(turn.interim);
      else turn.unclear = true;
      turn.interim = '';
    },
    settle() {
      awaitMore();
      giveWhenOver();
    },
    next,
    take,
    stop() {
      for (const timer of Object.values(timers)) timer.stop();
    },
  };
}
