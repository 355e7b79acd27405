import type { ServiceError } from '../errors.ts';
import type { MediaLeg } from '../media/media-leg.ts';
import type { SpeechToText, SpeechToTextSession } from '../services/speech-to-text.ts';
import { type CalleeTurn, createCalleeTurns } from './callee-turns.ts';
import { createListeners } from './listeners.ts';
import { createPauseOnSpeech } from './pause-on-speech.ts';
import { isVoiced, watchSpeech } from './speech-on-line.ts';
import { createUtterances } from './utterances.ts';
import { whenAborted } from './when-aborted.ts';

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

/** Listens to the callee, all the time. */
export interface Ear {
  /** Resolves when speech-to-text listens. Frames count from `start` on. */
  readonly ready: Promise<void>;
  start(): void;
  /** The callee is making a sound right now. */
  readonly speaking: boolean;
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
  /** Everything of the turn that is going on, also what is not final yet. `voiceEndedMs`: the last frame with voice in it, if any was heard. */
  readonly halfHeard: { text: string; atMs: number; voiceEndedMs: number | undefined } | undefined;
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

export function createEar({ leg, speechToText, language, now, signal }: EarOptions): Ear {
  const sounds = createListeners<CalleeSound>();
  const errors = createListeners<ServiceError>();
  const pauseOnSpeech = createPauseOnSpeech(leg, now);
  let session: SpeechToTextSession | undefined;
  const utterances = createUtterances({
    commit: () => session?.commit(),
    onWordless: () => session?.distrust?.(),
    onEndless: () => endSpeech(now()),
    onUndetected: () => turns.settle(),
    onNothing() {
      turns.finalMissing();
      turns.settle();
    },
  });
  const turns = createCalleeTurns({ utterances, onOver: () => sounds.tell({ kind: 'quiet' }), now });

  function beginSpeech(atMs: number, paused: boolean): void {
    utterances.begin(atMs);
    turns.soundBegan(atMs);
    if (paused) pauseOnSpeech.paused();
    sounds.tell({ kind: 'speech', atMs, paused });
    turns.settle();
  }

  function endSpeech(atMs: number): void {
    turns.soundEnded(atMs);
    utterances.end(atMs);
    turns.settle();
    if (turns.text !== '') sounds.tell({ kind: 'pause', text: turns.text });
  }

  function onInterim(text: string): void {
    if (signal.aborted || text.trim() === '') return;
    turns.interim(text.trim());
    sounds.tell({ kind: 'words', text: turns.text });
    utterances.interimCame();
    turns.settle();
  }

  function onFinal(text: string): void {
    if (signal.aborted) return;
    const said = text.trim();
    utterances.finalCame(said);
    turns.final(said);
    // Nothing is new where it was taken as it was understood, before it became final.
    if (said !== '' && turns.text !== '') {
      sounds.tell({ kind: 'words', text: turns.text });
      if (!utterances.open) sounds.tell({ kind: 'pause', text: turns.text });
    }
    turns.settle();
  }

  const speech = watchSpeech({
    leg,
    onFrame(frame) {
      session?.send(frame);
      if (utterances.speaking && isVoiced(frame)) turns.voiceHeard();
      pauseOnSpeech.look();
    },
    onBegin: beginSpeech,
    // One that was endless has been ended already.
    onEnd: (atMs) => utterances.speaking && endSpeech(atMs),
    now,
    signal,
  });

  async function open(): Promise<void> {
    session = await speechToText.open({
      sampleRate: leg.sampleRate,
      language,
      // Somebody whom our own detector doesn't hear: too quiet, or too far away.
      onSpeech: () => turns.over && sounds.tell({ kind: 'speech', atMs: now(), paused: false }),
      onInterim,
      onFinal,
      onError: errors.tell,
      signal,
    });
    if (signal.aborted) session.close();
  }

  whenAborted(signal, () => {
    utterances.stop();
    turns.stop();
    session?.close();
  });
  const ready = open();
  // Whoever waits for it is told; nobody has to.
  ready.catch(() => {});

  return {
    ready,
    start: speech.start,
    get speaking() {
      return utterances.speaking;
    },
    onSound: sounds.add,
    onError: errors.add,
    pauseWhile: pauseOnSpeech.while,
    turn: turns.next,
    takeWords: turns.take,
    get halfHeard() {
      return turns.text === '' ? undefined : { text: turns.text, atMs: turns.atMs ?? now(), voiceEndedMs: turns.ending.voiceEndedMs };
    },
  };
}
