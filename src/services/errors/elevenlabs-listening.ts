import type { ErrorTable } from '../../error-classification/error-table.ts';
import { ELEVENLABS_ACCOUNT_RULES, ELEVENLABS_ERRORS } from './elevenlabs.ts';

/** The Scribe websocket: its error messages, and its handshake. https://elevenlabs.io/docs/api-reference/speech-to-text/v-1-speech-to-text-realtime */
export const ELEVENLABS_LISTENING_ERRORS: ErrorTable = {
  ...ELEVENLABS_ERRORS,
  rules: [
    ...ELEVENLABS_ACCOUNT_RULES,
    // A handshake that is refused without a word of why. Calls wait then: every next one would meet the same.
    { status: [403], category: 'auth', hint: 'Check ELEVENLABS_API_KEY and what it may do.' },
    ...ELEVENLABS_ERRORS.rules,
    { code: ['auth_error'], category: 'auth', hint: 'Check ELEVENLABS_API_KEY.' },
    { code: ['unaccepted_terms'], category: 'auth', hint: 'Accept the terms of use at elevenlabs.io, then go on.' },
    {
      code: ['invalid_request', 'input_error', 'chunk_size_exceeded', 'commit_throttled'],
      category: 'permanent',
      hint: 'The session was not used as the service wants it.',
    },
    { code: ['insufficient_audio_activity'], category: 'permanent', hint: 'Nothing was heard for too long.' },
    { code: ['rate_limited'], category: 'rate-limited', hint: 'Too many sessions at once for the plan.' },
    { code: ['session_time_limit_exceeded'], category: 'transient', hint: 'A new session is needed.' },
    {
      code: ['queue_overflow', 'resource_exhausted', 'transcriber_error', 'scribe_error'],
      category: 'transient',
      hint: 'The service is in trouble; it will be asked again.',
    },
  ],
};
