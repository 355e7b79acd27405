import { speak } from '../voice/voice.ts';
import type { Json } from './listen-socket.ts';

export interface AgentMouthOptions {
  /** Hertz. */
  sampleRate: number;
  /** How much faster than it is spoken the sound comes. */
  speed: number;
  say: (message: Json) => void;
  sound: (pcm: Buffer) => void;
  /** Everything was sent. */
  onDone: () => void;
}

export interface AgentMouth {
  /** A piece of the reply: told as text, then as sound, after what is still to be said. */
  add(text: string): void;
  /** Nothing more belongs to what is being said. */
  end(): void;
  /** Drops what has not been sent. */
  stop(): void;
  readonly speaking: boolean;
}

const CHUNK_MS = 100;

/** The speaking half of the voice agent: sentence by sentence, its words first, then its sound, faster than anybody speaks. */
export function createAgentMouth({ sampleRate, speed, say, sound, onDone }: AgentMouthOptions): AgentMouth {
  const chunkBytes = (sampleRate * 2 * CHUNK_MS) / 1000;
  let texts: string[] = [];
  let pcm = Buffer.alloc(0);
  let ended = true;
  let timer: NodeJS.Timeout | undefined;

  function next(): void {
    timer = undefined;
    if (pcm.length === 0) {
      const text = texts.shift();
      if (text === undefined) {
        if (ended) onDone();
        return;
      }
      say({ type: 'ConversationText', role: 'assistant', content: text });
      say({ type: 'History', role: 'assistant', content: text });
      // A voice takes a breath between two sentences.
      pcm = Buffer.concat([speak(text, sampleRate), Buffer.alloc(chunkBytes)]);
    }
    sound(pcm.subarray(0, chunkBytes));
    pcm = pcm.subarray(chunkBytes);
    timer = setTimeout(next, CHUNK_MS / speed).unref();
  }

  return {
    add(text) {
      texts.push(text);
      ended = false;
      timer ??= setTimeout(next, 0).unref();
    },
    end() {
      if (ended) return;
      ended = true;
      if (timer === undefined) onDone();
    },
    stop() {
      clearTimeout(timer);
      timer = undefined;
      texts = [];
      pcm = Buffer.alloc(0);
      ended = true;
    },
    get speaking() {
      return timer !== undefined || !ended;
    },
  };
}
