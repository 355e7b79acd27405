import { ServiceError } from '../../src/errors.ts';
import type { SpeechToText, SpeechToTextOptions } from '../../src/services/speech-to-text.ts';

export function serviceFailure(category: ServiceError['category'] = 'transient', more: { code?: string; retryAfterMs?: number } = {}) {
  return new ServiceError('it failed', { service: 'speech-to-text', code: 'connection-closed', category, ...more });
}

/** One session of a scripted service: what it was told, and its mouth. */
export interface ScriptedSession {
  /** `20 ms` of audio are `.`, a commit is `!`. */
  told: string;
  options: SpeechToTextOptions;
  closed: boolean;
  distrusted: number;
}

export interface ScriptedSpeechToText extends SpeechToText {
  /** Every request for a session, also those that were refused. */
  readonly openedAt: number[];
  readonly sessions: ScriptedSession[];
  readonly last: ScriptedSession;
  /** Decides about the next requests for a session: a failure, or `hang`. Undefined: it is well. */
  answer: ServiceError | 'hang' | undefined;
}

/** A speech-to-text service without a network, for tests that drive the clock. */
export function createScriptedSpeechToText(): ScriptedSpeechToText {
  const sessions: ScriptedSession[] = [];
  const openedAt: number[] = [];
  const service: ScriptedSpeechToText = {
    openedAt,
    sessions,
    answer: undefined,
    get last() {
      const last = sessions.at(-1);
      if (!last) throw new Error('no session was opened');
      return last;
    },
    async open(options) {
      openedAt.push(Math.round(performance.now()));
      const { answer } = service;
      if (answer === 'hang') {
        await new Promise((_, reject) => options.signal.addEventListener('abort', () => reject(options.signal.reason), { once: true }));
      } else if (answer) throw answer;
      const session: ScriptedSession = { told: '', options, closed: false, distrusted: 0 };
      sessions.push(session);
      return {
        send(pcm) {
          session.told += '.'.repeat((pcm.length * 50) / (options.sampleRate * 2));
        },
        commit() {
          session.told += '!';
        },
        distrust() {
          session.distrusted++;
        },
        close() {
          session.closed = true;
        },
      };
    },
  };
  return service;
}
