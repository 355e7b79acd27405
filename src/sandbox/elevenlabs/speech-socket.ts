import type { WebSocket } from 'ws';
import { z } from 'zod';
import type { Fault } from '../faults.ts';
import { CHUNK_MS, streamed, synthesizeAs, type World } from './synthesis.ts';

const Query = z.object({
  model_id: z.string().default('eleven_multilingual_v2'),
  output_format: z.string().default('mp3_44100_128'),
  auto_mode: z.stringbool().default(false),
  language_code: z.string().optional(),
  /** Seconds. */
  inactivity_timeout: z.coerce.number().min(1).max(180).default(20),
});

const Input = z.object({
  text: z.string(),
  flush: z.boolean().default(false),
  try_trigger_generation: z.boolean().optional(),
  voice_settings: z.object({}).loose().optional(),
  generation_config: z.object({}).loose().optional(),
});

/** Without auto mode, so much text is waited for. Characters; the first step of the service's schedule. */
const SCHEDULE = 120;

export interface SpeechSocketOptions {
  query: URLSearchParams;
  authorized: boolean;
  world: World;
  fault?: Fault | undefined;
}

type Message = Record<string, unknown>;

/** One socket of `/v1/text-to-speech/{voice}/stream-input`: a blank opens, texts follow, an empty one says that it was the last. */
export function startSpeechSocket(socket: WebSocket, { query, authorized, world, fault }: SpeechSocketOptions): void {
  const say = (message: Message): void => {
    if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(message));
  };
  const refuse = (error: string, message: string): void => {
    say({ message, error, code: 1008 });
    socket.close(1008, message.slice(0, 100));
  };
  socket.on('error', () => {});
  const parsed = Query.safeParse(Object.fromEntries(query));
  if (fault?.kind === 'lie') {
    socket.send(fault.body);
    socket.close(1008);
  } else if (fault?.kind === 'reset' && fault.when === 'after-headers') socket.terminate();
  else if (!authorized) refuse('invalid_api_key', 'Invalid API key');
  else if (!parsed.success) refuse('invalid_input_message', z.prettifyError(parsed.error));
  else if (!synthesizeAs('', parsed.data.output_format))
    refuse('invalid_output_format', 'The sandbox speaks pcm_*, ulaw_8000 and alaw_8000.');
  else readTexts(socket, { query: parsed.data, world, refuse, utter: createMouth(socket, { say, fault }) });
}

interface Reading {
  query: z.infer<typeof Query>;
  world: World;
  refuse(error: string, message: string): void;
  utter: Mouth;
}

function readTexts(socket: WebSocket, { query, world, refuse, utter }: Reading): void {
  let idle: NodeJS.Timeout | undefined;
  let opened = false;
  let waiting = '';
  /** What was asked for is spoken in its order. */
  let spoken: Promise<void> = Promise.resolve();
  const generate = (): void => {
    const text = waiting.trim();
    waiting = '';
    const sound = synthesizeAs(text, query.output_format);
    if (text === '' || !sound) return;
    world.spoken.push(text);
    world.characters += text.length;
    spoken = spoken.then(() => utter.speak(streamed(sound.bytes, sound.bytesPerMs * CHUNK_MS, world)));
  };
  const stayAwake = (): void => {
    clearTimeout(idle);
    const late = (): void => refuse('input_timeout_exceeded', `No text was received for ${query.inactivity_timeout} seconds.`);
    idle = setTimeout(late, query.inactivity_timeout * 1000).unref();
  };
  stayAwake();
  socket.on('close', () => clearTimeout(idle));
  socket.on('message', (data) => {
    stayAwake();
    const { data: input } = Input.safeParse(parseJson(String(data)));
    if (!input || (!opened && input.text.trim() !== '')) {
      refuse('invalid_input_message', 'The message could not be read, or the first one is not a blank.');
      return;
    }
    opened = true;
    waiting += input.text;
    const isLast = input.text === '' && !input.flush;
    if (isLast || input.flush || query.auto_mode || waiting.length >= SCHEDULE) generate();
    if (!isLast) return;
    clearTimeout(idle);
    void spoken.then(utter.finish);
  });
}

interface Mouth {
  speak(sound: AsyncIterable<Buffer>): Promise<void>;
  /** Says that this was all. */
  finish(): void;
}

function createMouth(socket: WebSocket, { say, fault }: { say: (message: Message) => void; fault: Fault | undefined }): Mouth {
  let left = fault?.kind === 'stall' || fault?.kind === 'truncate' ? fault.afterBytes : Number.POSITIVE_INFINITY;
  return {
    async speak(sound) {
      for await (const chunk of sound) {
        const audible = chunk.subarray(0, left);
        left -= audible.length;
        if (audible.length > 0) say({ audio: audible.toString('base64'), isFinal: null, normalizedAlignment: null, alignment: null });
        if (fault?.kind === 'reset') socket.terminate();
        if (fault?.kind === 'truncate' && left <= 0) socket.close(1000);
        if (left <= 0 || socket.readyState !== socket.OPEN) return;
      }
    },
    finish() {
      if (fault?.kind === 'stall') return;
      say({ audio: null, isFinal: true, normalizedAlignment: null, alignment: null });
      socket.close(1000);
    },
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
