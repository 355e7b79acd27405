import type { WebSocket } from 'ws';
import { z } from 'zod';
import type { Fault } from '../faults.ts';
import { createListener, type HeardWord } from '../voice/voice.ts';
import { DEEPGRAM_CLOSES, type DeepgramClose } from './deepgram-errors.ts';

export type Json = Record<string, unknown>;

/** One way of listening: what it makes of words, of quiet and of the client's messages. */
export interface Listening {
  /** Told at once. */
  greeting?: Json;
  heard(words: HeardWord[], audio: { ms: number; loud: boolean }): void;
  /** Undefined for a message that it doesn't know. */
  on: Readonly<Record<string, (message: Json) => void>>;
  /** The client says that nothing more will come. */
  finish(): void;
}

export interface ListenSession {
  close(reason: DeepgramClose): void;
  /** An error message, then a close. */
  fail(code: string, description: string): void;
}

export interface ListenSocketOptions {
  sampleRate: number;
  /** Without audio, or a message that counts as a sign of life, the session ends. Milliseconds. */
  idleTimeoutMs: number;
  /** Messages that count, once there has been audio. */
  signsOfLife: readonly string[];
  fault: Fault | undefined;
  listen: (say: (message: Json) => void) => Listening;
}

/** About -50 dBFS, as a mean square: above it, somebody speaks. */
const LOUD = 100 ** 2;
const Message = z.looseObject({ type: z.string() });

/** What both of Deepgram's sockets have in common: it hears what the sandbox's voice speaks, and nothing else. */
export function startListenSocket(socket: WebSocket, options: ListenSocketOptions): ListenSession {
  const { sampleRate, idleTimeoutMs, signsOfLife, fault } = options;
  const say = (message: Json) => socket.readyState === socket.OPEN && socket.send(JSON.stringify(message));
  let idle: NodeJS.Timeout | undefined;
  let audioCame = false;
  const session: ListenSession = {
    close(reason) {
      clearTimeout(idle);
      const [code, text] = DEEPGRAM_CLOSES[reason];
      socket.close(code, text);
    },
    fail(code, description) {
      say({ type: 'Error', sequence_id: 0, code, description });
      session.close('serverFault');
    },
  };
  socket.on('error', () => {});
  socket.on('close', () => clearTimeout(idle));
  if (fault?.kind === 'lie') {
    socket.send(fault.body);
    socket.close(1011);
    return session;
  }
  if (fault?.kind === 'reset' && fault.when === 'after-headers') {
    socket.terminate();
    return session;
  }

  const stayAwake = () => {
    clearTimeout(idle);
    idle = setTimeout(() => session.close('idle'), idleTimeoutMs).unref();
  };
  const finish = () => {
    listening.finish();
    socket.close(1000);
  };
  const listener = createListener(sampleRate);
  const listening = options.listen(say);
  if (listening.greeting) say(listening.greeting);
  stayAwake();

  const onAudio = (audio: Buffer) => {
    // The real one takes an empty message for the end.
    if (audio.length === 0) return finish();
    if (audio.length % 2 === 1) return session.close('undecodable');
    audioCame = true;
    stayAwake();
    listening.heard(listener.push(audio), { ms: (audio.length * 500) / sampleRate, loud: isLoud(audio) });
  };

  const onText = (text: string) => {
    const message = Message.safeParse(parseJson(text));
    if (!message.success) return session.fail('UNPARSABLE_CLIENT_MESSAGE', 'The message is not understood.');
    const { type } = message.data;
    if (type === 'CloseStream') return finish();
    const act = listening.on[type];
    if (!act) return session.fail('UNPARSABLE_CLIENT_MESSAGE', `There is no message ${type}.`);
    if (audioCame && signsOfLife.includes(type)) stayAwake();
    act(message.data);
  };

  socket.on('message', (data, isBinary) => {
    if (fault?.kind === 'stall') return;
    if (fault?.kind === 'reset') return socket.terminate();
    if (fault?.kind === 'truncate') return socket.close(1000);
    if (isBinary) onAudio(data as Buffer);
    else onText(String(data));
  });
  return session;
}

/** Whether somebody speaks in it. */
export function isLoud(pcm: Buffer): boolean {
  let energy = 0;
  for (let at = 0; at + 1 < pcm.length; at += 2) energy += pcm.readInt16LE(at) ** 2;
  return energy > LOUD * (pcm.length / 2);
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
