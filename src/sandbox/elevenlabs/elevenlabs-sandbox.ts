import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { WebSocket } from 'ws';
import { z } from 'zod';
import { createFaultSwitch, type FaultSwitch } from '../faults.ts';
import { createSandboxApp, listenOnLoopback, type SandboxServer } from '../sandbox-server.ts';
import { addAccount, isKnown, refuseKey } from './account.ts';
import { elevenLabsErrors, errorBody, type ScribeErrorType } from './elevenlabs-errors.ts';
import { type ScribeSession, startScribeSession } from './scribe-session.ts';
import { createSocketRoute, serveSockets } from './socket-routes.ts';
import { startSpeechSocket } from './speech-socket.ts';
import { CHUNK_MS, streamed, synthesizeAs, type World } from './synthesis.ts';

export interface ElevenLabsSandboxOptions {
  /** The only key that is let in. Without it, any. */
  apiKey?: string | undefined;
  port?: number | undefined;
  /** From the request to the first sound. Milliseconds. */
  firstByteMs?: number;
  /** How much faster than it is spoken the sound comes. */
  speed?: number;
  /** A transcription session that hears nothing from its client for so long is ended. Milliseconds; the real figure isn't documented. */
  idleTimeoutMs?: number;
}

export interface ElevenLabsSandbox extends SandboxServer {
  /** Every text that was asked for and synthesized, oldest first. */
  readonly spoken: string[];
  /** Living transcription sessions. */
  readonly sessions: number;
  /** Ends every living transcription session with this error message and a close. */
  failSessions(type: ScribeErrorType, error?: string): void;
  /** Cuts every transcription session without a word. */
  dropSessions(): void;
}

const MAX_CONCURRENT = 15;

/** ElevenLabs in miniature: text-to-speech and realtime speech-to-text that understand each other, subscription and models. */
export async function startElevenLabsSandbox(options: ElevenLabsSandboxOptions = {}): Promise<ElevenLabsSandbox> {
  const { apiKey, firstByteMs = 40, speed = 20, idleTimeoutMs = 20_000 } = options;
  const world: World = { apiKey, firstByteMs, speed, idleTimeoutMs, spoken: [], characters: 0, running: 0 };
  const faults = createFaultSwitch({ presets: elevenLabsErrors });
  const app = createSandboxApp(faults);
  addSpeech(app, world);
  addAccount(app, world);
  const sessions = addSockets(app, world, faults);
  const server = await listenOnLoopback(app, faults, options.port);
  return {
    ...server,
    spoken: world.spoken,
    get sessions() {
      return sessions.count();
    },
    failSessions: (type, error = type) => sessions.each((session) => session.fail(type, error)),
    dropSessions: sessions.drop,
  };
}

const Speech = z.object({
  text: z.string(),
  model_id: z.string().default('eleven_multilingual_v2'),
  language_code: z.string().nullish(),
  voice_settings: z
    .object({
      stability: z.number().min(0).max(1).nullish(),
      similarity_boost: z.number().min(0).max(1).nullish(),
      style: z.number().min(0).max(1).nullish(),
      use_speaker_boost: z.boolean().nullish(),
      speed: z.number().min(0.7).max(1.2).nullish(),
    })
    .nullish(),
  seed: z.number().int().nullish(),
  previous_text: z.string().nullish(),
  next_text: z.string().nullish(),
  apply_text_normalization: z.enum(['auto', 'on', 'off']).default('auto'),
});

/** What a form on the wire looks like before anybody asks who sends it: the body is checked first, then the key, then the format. */
function addSpeech(app: FastifyInstance, world: World): void {
  const synthesize = async (request: FastifyRequest, reply: FastifyReply) => {
    const speech = Speech.safeParse(request.body ?? {});
    if (!speech.success) return reply.code(422).send(validationBody(speech.error, request.body));
    if (!isKnown(request, world)) return refuseKey(request, reply);
    const { output_format: format = 'mp3_44100_128' } = request.query as { output_format?: string };
    const sound = synthesizeAs(speech.data.text, format);
    if (!sound) {
      const message = `The sandbox speaks pcm_*, ulaw_8000 and alaw_8000, not ${format}.`;
      return reply.code(400).send(errorBody({ type: 'invalid_request', code: 'invalid_output_format', message }));
    }
    world.spoken.push(speech.data.text);
    world.characters += speech.data.text.length;
    // The real service calls every format by this name.
    reply.header('content-type', 'audio/mpeg').header('request-id', randomUUID()).header('character-cost', speech.data.text.length);
    reply.header('current-concurrent-requests', world.running + 1).header('maximum-concurrent-requests', MAX_CONCURRENT);
    return reply.send(Readable.from(streamed(sound.bytes, sound.bytesPerMs * CHUNK_MS, world), { objectMode: false }));
  };
  app.post('/v1/text-to-speech/:voice/stream', synthesize);
  app.post('/v1/text-to-speech/:voice', synthesize);
}

function validationBody(error: z.ZodError, input: unknown): unknown {
  return {
    detail: error.issues.map(({ code, path, message }) => ({
      type: code === 'invalid_type' ? 'missing' : code,
      loc: ['body', ...path],
      msg: code === 'invalid_type' ? 'Field required' : message,
      input: input ?? null,
    })),
  };
}

interface Sessions {
  count(): number;
  each(act: (session: ScribeSession) => void): void;
  drop(): void;
}

function addSockets(app: FastifyInstance, world: World, faults: FaultSwitch): Sessions {
  const sessions = new Map<WebSocket, ScribeSession>();
  const listening = createSocketRoute(/^\/v1\/speech-to-text\/realtime$/, (ws, { request, query, fault }) => {
    ws.on('close', () => sessions.delete(ws));
    const authorized = isKnown(request, world) || query.has('token');
    sessions.set(ws, startScribeSession(ws, { id: randomUUID(), query, authorized, idleTimeoutMs: world.idleTimeoutMs, fault }));
  });
  const speaking = createSocketRoute(/^\/v1\/text-to-speech\/[^/]+\/stream-input$/, (ws, { request, query, fault }) =>
    startSpeechSocket(ws, { query, authorized: isKnown(request, world), world, fault }),
  );
  serveSockets(app, faults, [listening, speaking]);
  return {
    count: listening.count,
    each(act) {
      for (const session of sessions.values()) act(session);
    },
    drop: listening.drop,
  };
}
