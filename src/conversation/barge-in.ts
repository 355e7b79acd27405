import type { Ear } from './listening.ts';
import { isOptOut } from './opt-out-phrases.ts';

/**
 * What may cut the agent off:
 * - `sound`: the callee begins to speak
 * - `words`: something that was understood; for lines on which sounds cut us off for nothing
 * - `opening`: the callee begins to speak, but not their "Hello?" right after picking up, which is meant as a beginning
 * - `nothing`: a goodbye is heard to its end
 * A wish never to be called again always does, except in a goodbye.
 */
export type BargeInPolicy = 'sound' | 'words' | 'opening' | 'nothing';

/** Speech that begins this soon after the answer is the callee's "Hello?". Milliseconds. */
const HELLO_WITHIN_MS = 1_500;
/** A "Hello?" takes less; a company's greeting or an answering machine takes more, and is listened to. Milliseconds from its detection. */
const HELLO_MS = 1_800;

export interface BargeIn {
  /** Aborts at the barge-in. */
  readonly signal: AbortSignal;
  /** What cut us off was the callee's own greeting, not an answer to us. */
  readonly byGreeting: boolean;
  stop(): void;
}

/** Watches the callee while the agent thinks and speaks. */
export function watchForBargeIn(ear: Ear, policy: () => BargeInPolicy): BargeIn {
  const controller = new AbortController();
  let byGreeting = false;
  let hello: NodeJS.Timeout | undefined;

  const cutOff = () => {
    stop();
    controller.abort(new Error('the callee barged in'));
  };

  function onSpeech(atMs: number): void {
    const now = policy();
    if (now === 'sound' || (now === 'opening' && atMs > HELLO_WITHIN_MS)) cutOff();
    else if (now === 'opening') {
      hello ??= setTimeout(() => {
        if (!ear.speaking) return;
        byGreeting = true;
        cutOff();
      }, HELLO_MS);
    }
  }

  function onWords(text: string): void {
    const now = policy();
    if (now === 'sound' || now === 'words' || (now === 'opening' && isOptOut(text))) cutOff();
  }

  const unsubscribe = ear.onSound((sound) => (sound.kind === 'speech' ? onSpeech(sound.atMs) : onWords(sound.text)));

  function stop(): void {
    clearTimeout(hello);
    unsubscribe();
  }

  if (ear.speaking) onSpeech(0);
  return {
    signal: controller.signal,
    get byGreeting() {
      return byGreeting;
    },
    stop,
  };
}
