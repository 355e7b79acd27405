import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { sleep } from '../../sleep.ts';
import { speak } from '../voice/voice.ts';
import { errorBody } from './openai-errors.ts';

/** Of its PCM. Hertz. */
const RATE = 24_000;
const CHUNK_MS = 100;
/** From the request to the first sound. Milliseconds. */
const FIRST_SOUND_MS = 60;
/** How much faster than it is spoken the sound comes. */
const SPEED = 20;

const VOICES = ['alloy', 'ash', 'ballad', 'cedar', 'coral', 'echo', 'fable', 'marin', 'nova', 'onyx', 'sage', 'shimmer', 'verse'] as const;

const Speech = z.object({
  model: z.string(),
  input: z.string().min(1).max(4096),
  voice: z.enum(VOICES),
  response_format: z.enum(['mp3', 'opus', 'aac', 'flac', 'wav', 'pcm']).default('mp3'),
  instructions: z.string().optional(),
  speed: z.number().min(0.25).max(4).default(1),
});

export interface SpeechWorld {
  spoken: string[];
  exists: (model: string) => boolean;
  refuseModel: (reply: FastifyReply) => FastifyReply;
}

/** `POST /v1/audio/speech`, of which only PCM. */
export function speakAloud({ spoken, exists, refuseModel }: SpeechWorld, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { data, error } = Speech.safeParse(request.body);
  if (!data) {
    const param = error.issues[0]?.path.join('.') || null;
    const message = `Invalid value for '${param}': ${error.issues[0]?.message}.`;
    return reply.code(400).send(errorBody({ type: 'invalid_request_error', code: 'invalid_value', param, message }));
  }
  if (!exists(data.model)) return refuseModel(reply);
  if (data.response_format !== 'pcm') {
    const message = `The sandbox speaks pcm, not ${data.response_format}.`;
    return reply.code(400).send(errorBody({ type: 'invalid_request_error', code: 'invalid_value', param: 'response_format', message }));
  }
  spoken.push(data.input);
  reply.header('content-type', 'audio/pcm');
  return reply.send(Readable.from(streamed(speak(data.input, RATE)), { objectMode: false }));
}

async function* streamed(pcm: Buffer): AsyncGenerator<Buffer> {
  const chunkBytes = (RATE * 2 * CHUNK_MS) / 1000;
  await sleep(FIRST_SOUND_MS);
  for (let at = 0; at < pcm.length; at += chunkBytes) {
    yield pcm.subarray(at, at + chunkBytes);
    await sleep(CHUNK_MS / SPEED);
  }
}
