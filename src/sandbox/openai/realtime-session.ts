import { randomUUID } from 'node:crypto';
import type { WebSocket } from 'ws';
import { z } from 'zod';
import type { Fault } from '../faults.ts';
import { createListener } from '../voice/voice.ts';
import { errorBody } from './openai-errors.ts';

/** The only rate that it hears. Hertz. */
const RATE = 24_000;
/** Less than this is not committed. Milliseconds of audio. */
const SHORTEST_COMMIT_MS = 100;

const language = z.string().regex(/^[a-z]{2,3}$/);
const Config = z.object({
  type: z.literal('transcription'),
  audio: z.object({
    input: z.object({
      format: z.object({ type: z.literal('audio/pcm'), rate: z.literal(RATE) }),
      transcription: z.object({ model: z.string(), language: language.optional(), languages: z.array(language).optional() }),
      // Models that hear while somebody speaks know no other.
      turn_detection: z.null().optional(),
    }),
  }),
});
export type ListeningConfig = z.infer<typeof Config>;

const Message = z.discriminatedUnion('type', [
  z.object({ type: z.literal('session.update'), session: Config }),
  z.object({ type: z.literal('input_audio_buffer.append'), audio: z.base64() }),
  z.object({ type: z.literal('input_audio_buffer.commit') }),
  z.object({ type: z.literal('input_audio_buffer.clear') }),
]);

export interface ListeningSession {
  complain(error: Parameters<typeof errorBody>[0]): void;
}

export interface ListeningSessionOptions {
  fault: Fault | undefined;
  exists: (model: string) => boolean;
  onConfig: (config: ListeningConfig) => void;
  onCommit: () => void;
}

const id = (prefix: string) => `${prefix}_${randomUUID().replaceAll('-', '')}`;

/** One session that transcribes: it hears what the sandbox's voice speaks, and tells every word as soon as it was said. */
export function startListeningSession(socket: WebSocket, { fault, exists, onConfig, onCommit }: ListeningSessionOptions): ListeningSession {
  const say = (type: string, fields: Record<string, unknown>) =>
    socket.readyState === socket.OPEN && socket.send(JSON.stringify({ type, event_id: id('event'), ...fields }));
  const complain: ListeningSession['complain'] = (error) => say('error', errorBody(error));
  const refuse = (code: string, message: string) => complain({ type: 'invalid_request_error', code, message });
  const listener = createListener(RATE);
  const about = { id: id('sess'), object: 'realtime.transcription_session' };
  let config: ListeningConfig | undefined;
  let itemId = id('item');
  let previousId: string | null = null;
  let text = '';
  let bufferedMs = 0;
  socket.on('error', () => {});

  function hear(audio: Buffer): void {
    bufferedMs += (audio.length * 500) / RATE;
    for (const { text: word } of listener.push(audio)) {
      const delta = text === '' ? word : ` ${word}`;
      text += delta;
      say('conversation.item.input_audio_transcription.delta', { item_id: itemId, content_index: 0, delta });
    }
  }

  function begin(): void {
    itemId = id('item');
    text = '';
    bufferedMs = 0;
  }

  function commit(): void {
    if (bufferedMs < SHORTEST_COMMIT_MS) {
      const found = `Expected at least ${SHORTEST_COMMIT_MS}ms of audio, but buffer only has ${bufferedMs.toFixed(2)}ms of audio.`;
      return void refuse('input_audio_buffer_commit_empty', `Error committing input audio buffer: buffer too small. ${found}`);
    }
    onCommit();
    const usage = { type: 'duration', seconds: bufferedMs / 1000 };
    say('input_audio_buffer.committed', { item_id: itemId, previous_item_id: previousId });
    say('conversation.item.input_audio_transcription.completed', { item_id: itemId, content_index: 0, transcript: text, usage });
    previousId = itemId;
    begin();
  }

  function obey(message: z.infer<typeof Message>): void {
    switch (message.type) {
      case 'session.update': {
        const { model } = message.session.audio.input.transcription;
        if (!exists(model)) return void refuse('model_not_found', `The model ${model} does not exist or you do not have access to it.`);
        config = message.session;
        onConfig(config);
        say('session.updated', { session: { ...about, ...config } });
        return;
      }
      case 'input_audio_buffer.append':
        // A stall sets up the session and hears nothing.
        if (config !== undefined && fault?.kind !== 'stall') hear(Buffer.from(message.audio, 'base64'));
        return;
      case 'input_audio_buffer.commit':
        if (fault?.kind !== 'stall') commit();
        return;
      case 'input_audio_buffer.clear':
        begin();
        say('input_audio_buffer.cleared', {});
        return;
      default:
        message satisfies never;
    }
  }

  socket.on('message', (data) => {
    if (fault?.kind === 'reset') return socket.terminate();
    if (fault?.kind === 'truncate') return socket.close(1000);
    const message = Message.safeParse(parseJson(String(data)));
    if (message.success) obey(message.data);
    else refuse('invalid_value', z.prettifyError(message.error));
  });
  if (fault?.kind === 'lie') {
    socket.send(fault.body);
    socket.close(1011);
  } else say('session.created', { session: { ...about, type: 'transcription' } });
  return { complain };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
