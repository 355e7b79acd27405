import type { WebSocket } from 'ws';
import { z } from 'zod';
import type { Fault } from '../faults.ts';
import { decodeG711 } from '../voice/g711.ts';
import { createListener, type HeardWord } from '../voice/voice.ts';
import type { ScribeErrorType } from './elevenlabs-errors.ts';

/** The service commits by itself when nobody did for so long. */
const AUTO_COMMIT_MS = 90_000;
/** A second of the widest format and then some. The real limit isn't documented. */
const MAX_CHUNK_BYTES = 256_000;
/** About -50 dBFS, as a mean square: above it, somebody speaks. */
const LOUD = 100 ** 2;

const flag = z.stringbool().default(false);
const number = (min: number, max: number, preset: number) => z.coerce.number().min(min).max(max).default(preset);

const Query = z.object({
  model_id: z.string(),
  audio_format: z.enum(['pcm_8000', 'pcm_16000', 'pcm_24000', 'pcm_48000', 'ulaw_8000']).default('pcm_16000'),
  commit_strategy: z.enum(['manual', 'vad']).default('manual'),
  vad_silence_threshold_secs: number(0.3, 3, 1.5),
  vad_threshold: number(0.1, 0.9, 0.4),
  min_speech_duration_ms: number(50, 2000, 100),
  min_silence_duration_ms: number(50, 2000, 100),
  language_code: z.string().optional(),
  include_timestamps: flag,
  include_language_detection: flag,
  enable_logging: z.stringbool().default(true),
});
type ScribeConfig = z.infer<typeof Query>;

const Chunk = z.object({
  message_type: z.literal('input_audio_chunk'),
  audio_base_64: z.string(),
  commit: z.boolean(),
  sample_rate: z.number().int(),
  previous_text: z.string().optional(),
});

export interface ScribeSession {
  fail(type: ScribeErrorType, error: string): void;
}

export interface ScribeSessionOptions {
  id: string;
  query: URLSearchParams;
  authorized: boolean;
  /** A session that hears nothing from its client for so long is ended. */
  idleTimeoutMs: number;
  fault?: Fault | undefined;
}

/** One socket of `/v1/speech-to-text/realtime`. It hears what the sandbox's voice speaks, and nothing else. */
export function startScribeSession(
  socket: WebSocket,
  { id, query, authorized, idleTimeoutMs, fault }: ScribeSessionOptions,
): ScribeSession {
  const say = (message: Record<string, unknown>) => socket.readyState === socket.OPEN && socket.send(JSON.stringify(message));
  let idle: NodeJS.Timeout | undefined;
  const session: ScribeSession = {
    fail(type, error) {
      clearTimeout(idle);
      say({ message_type: type, error });
      socket.close(1008, type);
    },
  };
  socket.on('error', () => {});
  socket.on('close', () => clearTimeout(idle));

  if (fault?.kind === 'lie') {
    socket.send(fault.body);
    socket.close(1008);
    return session;
  }
  if (fault?.kind === 'reset' && fault.when === 'after-headers') {
    socket.terminate();
    return session;
  }
  if (!authorized) {
    session.fail('auth_error', 'You must be authenticated to use this endpoint.');
    return session;
  }
  const parsed = Query.safeParse(Object.fromEntries(query));
  if (!parsed.success) {
    session.fail('invalid_request', z.prettifyError(parsed.error));
    return session;
  }
  const ear = createTranscriber(parsed.data, say);
  say({ message_type: 'session_started', session_id: id, config: describe(parsed.data) });

  const stayAwake = () => {
    clearTimeout(idle);
    idle = setTimeout(() => session.fail('insufficient_audio_activity', 'No audio was received for too long.'), idleTimeoutMs).unref();
  };
  stayAwake();
  let first = true;
  socket.on('message', (data, isBinary) => {
    stayAwake();
    if (fault?.kind === 'stall') return;
    if (fault?.kind === 'reset') return socket.terminate();
    if (fault?.kind === 'truncate') return socket.close(1000);
    const chunk = isBinary ? undefined : Chunk.safeParse(parseJson(String(data)));
    if (!chunk?.success) return session.fail('input_error', 'The message is not an input_audio_chunk.');
    if (chunk.data.previous_text !== undefined && !first) {
      return session.fail('input_error', 'previous_text can only be sent with the first audio chunk.');
    }
    const audio = Buffer.from(chunk.data.audio_base_64, 'base64');
    if (audio.length > MAX_CHUNK_BYTES) return session.fail('chunk_size_exceeded', `At most ${MAX_CHUNK_BYTES} bytes a chunk.`);
    first = false;
    ear.hear(audio);
    if (chunk.data.commit) ear.commit();
  });
  return session;
}

function createTranscriber(
  config: ScribeConfig,
  say: (message: Record<string, unknown>) => void,
): { hear(audio: Buffer): void; commit(): void } {
  const sampleRate = rateOf(config);
  const listener = createListener(sampleRate);
  let words: HeardWord[] = [];
  let uncommittedMs = 0;
  let quietMs = 0;

  const textOf = () => words.map((word) => word.text).join(' ');
  function commit(): void {
    const text = textOf();
    const details = { text, language_code: config.language_code ?? 'en', words: timestamps(words) };
    if (config.commit_strategy === 'vad') say({ message_type: 'final_transcript', text });
    say({ message_type: 'committed_transcript', text });
    if (config.include_timestamps) say({ message_type: 'committed_transcript_with_timestamps', ...details });
    words = [];
    uncommittedMs = 0;
  }
  return {
    commit,
    hear(audio) {
      const pcm = config.audio_format === 'ulaw_8000' ? decodeG711(audio, 'ulaw') : audio;
      const ms = (pcm.length * 1000) / (2 * sampleRate);
      uncommittedMs += ms;
      quietMs = isLoud(pcm) ? 0 : quietMs + ms;
      const heard = listener.push(pcm);
      words.push(...heard);
      if (heard.length > 0) say({ message_type: 'partial_transcript', text: textOf() });
      const settled = config.commit_strategy === 'vad' && quietMs >= config.vad_silence_threshold_secs * 1000;
      if ((settled && words.length > 0) || uncommittedMs >= AUTO_COMMIT_MS) commit();
    },
  };
}

function timestamps(words: readonly HeardWord[]): Record<string, unknown>[] {
  return words.flatMap(({ text, startMs, endMs }, i) => {
    const word = { text, start: startMs / 1000, end: endMs / 1000, type: 'word', logprob: 0 };
    const before = words[i - 1];
    return before ? [{ text: ' ', start: before.endMs / 1000, end: word.start, type: 'spacing', logprob: 0 }, word] : [word];
  });
}

function isLoud(pcm: Buffer): boolean {
  let energy = 0;
  for (let at = 0; at + 1 < pcm.length; at += 2) energy += pcm.readInt16LE(at) ** 2;
  return energy > LOUD * (pcm.length / 2);
}

function describe({ commit_strategy, include_timestamps, ...config }: ScribeConfig): Record<string, unknown> {
  return {
    ...config,
    sample_rate: rateOf(config),
    vad_commit_strategy: commit_strategy,
    timestamps_granularity: include_timestamps ? 'word' : 'none',
  };
}

function rateOf({ audio_format }: Pick<ScribeConfig, 'audio_format'>): number {
  return Number(audio_format.split('_')[1]);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
