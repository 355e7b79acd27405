import type { TextToSpeech } from '../services/text-to-speech.ts';
import { createQueue, type Queue } from './queue.ts';
import { createTimer } from './timer.ts';
import { whenAborted } from './when-aborted.ts';

/** Without more sound for so long all of it has come, whether that is said or not. Milliseconds. */
const QUIET_MS = 3_000;

export interface OwnWordsOptions {
  /** Tells the agent to say this. */
  say: (text: string) => void;
  readonly connection: {
    readonly isUp: boolean;
    /** Resolves when there is one; rejects when there will be none, or the signal aborts. */
    wait(signal: AbortSignal): Promise<void>;
  };
}

/** Has our own words (a goodbye, what was cut off) spoken by the agent, in its voice. While it does, what it says is this. */
export interface OwnWords {
  readonly textToSpeech: TextToSpeech;
  readonly speaking: boolean;
  onWords(text: string): void;
  onSound(pcm: Buffer): void;
  onSaid(): void;
  /** Nothing more of it will come. */
  end(error?: unknown): void;
}

export function createOwnWords({ say, connection }: OwnWordsOptions): OwnWords {
  const quiet = createTimer();
  let current: { text: string; begun: boolean; sound: Queue<Buffer> } | undefined;

  async function* sayOnce(text: string, signal: AbortSignal): AsyncGenerator<Buffer> {
    const mine = { text, begun: false, sound: createQueue<Buffer>() };
    current = mine;
    const unlisten = whenAborted(signal, () => mine.sound.fail(signal.reason));
    try {
      say(text);
      yield* mine.sound.stream;
    } finally {
      unlisten();
      if (current === mine) {
        current = undefined;
        quiet.stop();
      }
    }
  }

  return {
    textToSpeech: {
      async *synthesize({ text }, signal) {
        for (let started = false; ; ) {
          await connection.wait(signal);
          try {
            for await (const pcm of sayOnce(text, signal)) {
              started = true;
              yield pcm;
            }
            return;
          } catch (error) {
            // Nothing of it was heard: it can be said again, once there is a connection.
            if (signal.aborted || started || connection.isUp) throw error;
          }
        }
      },
    },
    get speaking() {
      return current !== undefined;
    },
    onWords(text) {
      // What was being said before may still be on its way.
      if (current) current.begun ||= isMostly(text, current.text);
    },
    onSound(pcm) {
      if (!current?.begun) return;
      current.sound.push(pcm);
      quiet.start(QUIET_MS, current.sound.close);
    },
    onSaid() {
      if (current?.begun) current.sound.close();
    },
    end(error) {
      if (error === undefined) current?.sound.close();
      else current?.sound.fail(error);
    },
  };
}

/** Whether these words are those that it was told to say, however it spells them. */
function isMostly(text: string, wanted: string): boolean {
  const words = (of: string) => of.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  const known = new Set(words(wanted));
  const spoken = words(text);
  return spoken.filter((word) => known.has(word)).length * 2 >= spoken.length;
}
