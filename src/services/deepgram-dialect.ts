import { fault } from '../error-classification/classify.ts';
import type { SocketMessage } from './service-socket.ts';

/** What a message from the service means to a session. */
export type Heard =
  | { kind: 'ready' }
  /** What was said since the last segment; may change. */
  | { kind: 'interim'; text: string }
  /** Will not change; more of the utterance may follow, unless it answers a commit. */
  | { kind: 'segment'; text: string; answersCommit: boolean }
  | { kind: 'failure'; error: Error };

/** One of the service's two ways of listening. */
export interface DeepgramDialect {
  path: string;
  query: (language: string) => Record<string, string>;
  /** Whether the service says that it listens; otherwise an accepted handshake says it. */
  greets: boolean;
  /** Asks for what is there to be made final. */
  commit: string;
  /** Keeps the session while there is no audio. Undefined: only audio does. */
  keepAlive: string | undefined;
  read: (type: string, message: SocketMessage) => Heard | undefined;
}

const NOVA: Pick<DeepgramDialect, 'path' | 'greets' | 'commit' | 'keepAlive' | 'read'> = {
  path: '/v1/listen',
  greets: false,
  commit: JSON.stringify({ type: 'Finalize' }),
  keepAlive: JSON.stringify({ type: 'KeepAlive' }),
  read(type, message) {
    if (type === 'Error') return failureOf(message);
    if (type !== 'Results') return undefined;
    const text = transcriptOf(message);
    if (message.is_final !== true) return { kind: 'interim', text };
    return { kind: 'segment', text, answersCommit: message.from_finalize === true };
  },
};

const FLUX: typeof NOVA = {
  path: '/v2/listen',
  greets: true,
  commit: JSON.stringify({ type: 'ForceEndTurn' }),
  keepAlive: undefined,
  read(type, message) {
    if (type === 'Connected') return { kind: 'ready' };
    if (type === 'Error') return failureOf(message);
    if (type !== 'TurnInfo') return undefined;
    const text = textOf(message.transcript);
    return message.event === 'EndOfTurn' ? { kind: 'segment', text, answersCommit: true } : { kind: 'interim', text };
  },
};

/** Flux ends a turn that nobody ended for us after so much silence, at the latest. Milliseconds. */
const TURN_TIMEOUT_MS = 30_000;

/** Nova by `/v1/listen`, Flux by `/v2/listen`; in both our own detector decides when the callee has paused. */
export function deepgramDialect(model: string): DeepgramDialect {
  if (!model.startsWith('flux-')) {
    return {
      ...NOVA,
      query: (language) => ({ model, language, channels: '1', interim_results: 'true', punctuate: 'true', endpointing: 'false' }),
    };
  }
  return {
    ...FLUX,
    query(language) {
      if (model.endsWith('-en') && language !== 'en') throw fault('unsupported-language', `${model} does not understand ${language}`);
      const turns = { eot_threshold: '1.0', eot_timeout_ms: String(TURN_TIMEOUT_MS) };
      return { model, ...turns, ...(model.endsWith('-multi') ? { language_hint: language } : {}) };
    },
  };
}

function failureOf(message: SocketMessage): Heard {
  return { kind: 'failure', error: reportedError(message) };
}

/** What an error message says, in the shape of the service's HTTP errors. A code that no table knows is the service's fault. */
export function reportedError(message: SocketMessage): Error {
  const code = textOf(message.code) || 'service-error';
  const reported = fault(code, 'the service ended the session', fault('service-error', 'an error message'));
  return Object.assign(reported, { body: { description: message.description } });
}

function transcriptOf({ channel }: SocketMessage): string {
  const { alternatives } = isRecord(channel) ? channel : {};
  const [best]: unknown[] = Array.isArray(alternatives) ? alternatives : [];
  return isRecord(best) ? textOf(best.transcript) : '';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value.trim() : '';
}
