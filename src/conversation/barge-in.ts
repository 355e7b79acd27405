import { isBackchannel, type Meaning, meaningOf } from './asides.ts';
import type { Ear } from './listening.ts';
import { isOptOut } from './opt-out-phrases.ts';
import type { Voice } from './speaking.ts';
import { createTimer } from './timer.ts';

/**
 * What may cut the agent off:
 * - `sound`: the callee begins to speak, which pauses us at once; words cut us off, anything less lets us go on where we paused
 * - `words`: something that was understood; for lines on which sounds pause us for nothing
 * - `opening`: as `sound`, but not their "Hello?" right after picking up, which is meant as a beginning
 * - `nothing`: a goodbye is heard to its end
 * A wish never to be called again always does, except in a goodbye.
 */
export type BargeInPolicy = 'sound' | 'words' | 'opening' | 'nothing';

/** Speech that begins this soon after the answer is the callee's "Hello?". Milliseconds. */
const HELLO_WITHIN_MS = 1_500;
/** A "Hello?" takes less; a company's greeting or an answering machine takes more, and is listened to. Milliseconds from its detection. */
const HELLO_MS = 1_800;
/** Sound in which nothing is understood for so long is no word to us: we go on over it. Milliseconds. */
const MAX_PAUSE_MS = 3_000;
/** Paused by sounds without words this often in a row: from then on only words cut us off. */
const MAX_FALSE_ALARMS = 2;
/** What was said this long before we have finished wasn't the answer. Milliseconds. */
const ASIDE_AFTER_MS = 1_500;
/** What we said this long before the callee's sound may be what is coming back in it, late and only roughly timed. Milliseconds of playout. */
const ECHO_WITHIN_MS = 2_000;
/** An echo ends this soon after our pause, at the latest; somebody who goes on into our silence speaks themselves. Milliseconds. */
const ECHO_ENDS_MS = 800;

export interface BargeIn {
  /** Aborts at the barge-in. */
  readonly signal: AbortSignal;
  /** What cut us off was the callee's own greeting, not an answer to us. */
  readonly byGreeting: boolean;
  /** So often in a row, up to now, we were paused by sounds without a word, or by our own echo. */
  readonly falseAlarms: number;
  stop(): void;
}

export interface BargeInOptions {
  ear: Ear;
  voice: Pick<Voice, 'pause' | 'resume' | 'heardMs' | 'heardLately'>;
  policy: () => BargeInPolicy;
  /** In a row, before this watch. After a few of them sounds don't pause us any more. */
  falseAlarmsBefore?: number | undefined;
  /** The callee said something that was no answer: a "mhm" while we went on. */
  onAside?: ((said: { text: string; atMs: number }) => void) | undefined;
}

/** Watches the callee while the agent thinks and speaks. */
export function watchForBargeIn(options: BargeInOptions): BargeIn {
  const { ear, voice, onAside = () => {} } = options;
  const controller = new AbortController();
  const timers = { hello: createTimer(), pause: createTimer(), aside: createTimer() };
  let byGreeting = false;
  let paused = false;
  /** When the callee's sound paused us last; milliseconds from the answer. */
  let pausedAtMs = 0;
  /** How much of us had been heard when what the callee is saying began. */
  let heardBeforeMs: number | undefined;
  let falseAlarms = options.falseAlarmsBefore ?? 0;
  let understood = '';

  function policy(): BargeInPolicy {
    const wanted = options.policy();
    return wanted !== 'nothing' && falseAlarms >= MAX_FALSE_ALARMS ? 'words' : wanted;
  }

  function meaning(text: string): Meaning {
    if (isOptOut(text)) return 'meant';
    const sinceMs = voice.heardMs - (heardBeforeMs ?? voice.heardMs);
    const found = meaningOf(text, voice.heardLately(sinceMs + ECHO_WITHIN_MS));
    const theirOwn = paused && (ear.halfHeard?.voiceEndedMs ?? 0) - pausedAtMs > ECHO_ENDS_MS;
    return found === 'echo' && theirOwn ? 'undecided' : found;
  }

  function cutOff(): void {
    // Not resumed: whoever is told drops what was paused.
    paused = false;
    stop();
    controller.abort(new Error('the callee barged in'));
  }

  function pause(atMs: number): void {
    timers.aside.stop();
    if (paused) return;
    paused = true;
    pausedAtMs = atMs;
    voice.pause();
    timers.pause.start(MAX_PAUSE_MS, () => {
      falseAlarms++;
      goOn();
    });
  }

  function goOn(): void {
    timers.pause.stop();
    if (!paused) return;
    paused = false;
    voice.resume();
  }

  function pausesUs(atMs: number): boolean {
    const now = policy();
    return now === 'sound' || (now === 'opening' && atMs > HELLO_WITHIN_MS);
  }

  function onSpeech(atMs: number, legPaused: boolean): void {
    heardBeforeMs ??= voice.heardMs;
    if (pausesUs(atMs)) pause(atMs);
    else if (legPaused && !paused) voice.resume();
    if (!paused && policy() === 'opening' && !timers.hello.running) {
      timers.hello.start(HELLO_MS, () => {
        if (!ear.speaking) return;
        byGreeting = true;
        cutOff();
      });
    }
  }

  function onWords(text: string): void {
    understood = text;
    heardBeforeMs ??= voice.heardMs;
    const now = policy();
    if (now === 'nothing' || (now === 'opening' && !paused && !isOptOut(text))) return;
    if (meaning(text) === 'meant') cutOff();
  }

  /** They are silent, though perhaps not for long: who has said no more than a "mhm" is spoken to again at once, a word that may be their own is answered. */
  function onPause(text: string): void {
    const now = policy();
    const listens = paused || now === 'sound' || now === 'words';
    if (listens && meaning(text) === 'undecided') cutOff();
    else goOn();
  }

  /** They are silent again, and it was no barge-in. */
  function onQuiet(): void {
    const isEcho = understood !== '' && meaning(understood) === 'echo';
    if (isEcho || (paused && understood === '')) falseAlarms++;
    goOn();
    if (policy() === 'nothing') return;
    if (isEcho) ear.takeWords();
    else if (ear.halfHeard) timers.aside.start(ASIDE_AFTER_MS, takeAside);
    understood = '';
    heardBeforeMs = undefined;
  }

  /** Whatever else was said is answered when we have finished. */
  function takeAside(): void {
    if (options.policy() !== 'opening' && !isBackchannel(ear.halfHeard?.text ?? '')) return;
    const said = ear.takeWords();
    if (said !== undefined) onAside(said);
  }

  const unsubscribe = ear.onSound((sound) => {
    switch (sound.kind) {
      case 'speech':
        return onSpeech(sound.atMs, sound.paused);
      case 'words':
        return onWords(sound.text);
      case 'pause':
        return onPause(sound.text);
      case 'quiet':
        return onQuiet();
    }
  });

  const disarm = ear.pauseWhile(pausesUs);

  function stop(): void {
    for (const timer of Object.values(timers)) timer.stop();
    unsubscribe();
    disarm();
    goOn();
  }

  if (ear.speaking) onSpeech(0, false);
  return {
    signal: controller.signal,
    get byGreeting() {
      return byGreeting;
    },
    get falseAlarms() {
      return falseAlarms;
    },
    stop,
  };
}
