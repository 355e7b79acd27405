import { endpointDelayMs } from './endpointing.ts';
import { createTimer } from './timer.ts';
import { beginTurn, type TurnEnding } from './turn-so-far.ts';
import type { Utterances } from './utterances.ts';
import { whenAborted } from './when-aborted.ts';

export type CalleeTurn =
  | { kind: 'said'; text: string; atMs: number; ending: TurnEnding }
  /** There was a sound, but no words in it. */
  | { kind: 'unclear' }
  | { kind: 'silent' };

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
  let turn = beginTurn(now);
  let wasOver = true;
  /** What was said last has been taken as it was understood; should it become final after all, it is known. */
  let late = false;
  let waiting: { silenceMs: number; resolve: (turn: CalleeTurn) => void } | undefined;

  const over = () => !utterances.open && !timers.endpoint.running;

  /** Somebody who hasn't finished their sentence is given time to; the more so in the middle of a number. */
  function awaitMore(): void {
    const { speechEndedMs } = turn.ending;
    if (utterances.speaking || speechEndedMs === undefined || turn.text === '') return;
    const leftMs = speechEndedMs + endpointDelayMs(turn.text) - now();
    if (leftMs > 0) timers.endpoint.start(leftMs, giveWhenOver);
    else timers.endpoint.stop();
  }

  function take(): Extract<CalleeTurn, { kind: 'said' }> | undefined {
    if (!over()) return undefined;
    const { finalText: text, atMs = now(), ending } = turn;
    turn = beginTurn(now);
    return text === undefined ? undefined : { kind: 'said', text, atMs, ending };
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
      return turn.text;
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
      turn.begin(atMs);
    },
    voiceHeard() {
      turn.ending.voiceEndedMs = now();
    },
    soundEnded(atMs) {
      turn.ending.speechEndedMs = atMs;
    },
    interim(words) {
      late = false;
      turn.interim(words);
    },
    final(words) {
      if (!late) turn.final(words);
    },
    finalMissing() {
      late = turn.settleForInterim();
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
