import type { ErrorTable } from '../../error-classification/error-table.ts';
import { ELEVENLABS_ACCOUNT_RULES, ELEVENLABS_ERRORS } from './elevenlabs.ts';

const MODEL = 'Check ELEVENLABS_MODEL (eleven_v3 cannot be had over the websocket), or set ELEVENLABS_TRANSPORT=http.';

/**
 * What the text-to-speech websocket says besides: `{ message, error, code: 1008 }` and a close. A bad key and an unknown voice are let in
 * first and told that way, a model that isn't spoken there is refused at the handshake.
 * https://elevenlabs.io/docs/api-reference/text-to-speech/v-1-text-to-speech-voice-id-stream-input
 */
export const ELEVENLABS_SPEECH_SOCKET_ERRORS: ErrorTable = {
  ...ELEVENLABS_ERRORS,
  rules: [
    ...ELEVENLABS_ACCOUNT_RULES,
    {
      code: [
        'invalid_api_key',
        'unauthorized',
        'authentication_required',
        'needs_authorization',
        'invalid_authorization_header',
        'detected_unusual_activity',
      ],
      category: 'auth',
      hint: 'Check ELEVENLABS_API_KEY.',
    },
    { code: ['voice_id_does_not_exist', 'voice_not_found'], category: 'permanent', hint: "Check the campaign's voice." },
    {
      code: ['invalid_input_message', 'max_character_limit_exceeded'],
      category: 'permanent',
      hint: 'The service objected to what we sent.',
    },
    {
      code: ['concurrent_limit_exceeded', 'too_many_concurrent_requests', 'rate_limit_exceeded'],
      category: 'rate-limited',
      hint: 'More requests at once than the plan allows: lower CALL_CONCURRENCY or raise the plan.',
    },
    { code: ['system_busy'], category: 'transient', hint: 'The service itself is overloaded.' },
    // All we have to say is said in the first moment: if the service waits for more, it was lost on the way.
    {
      code: ['input_timeout_exceeded', 'input_timeout'],
      category: 'transient',
      hint: 'The text did not reach it; it will be asked again.',
    },
    // A handshake is refused without a word of why. Calls wait then: every next one would meet the same.
    { status: [403], category: 'auth', hint: `Check ELEVENLABS_API_KEY and what it may do. ${MODEL}` },
    { status: [400], category: 'permanent', hint: MODEL },
    {
      status: [200],
      category: 'transient',
      as: 'unreadable-answer',
      hint: 'What answered is no websocket: check ELEVENLABS_BASE_URL and any proxy.',
    },
    ...ELEVENLABS_ERRORS.rules,
    // A complaint that nothing above knows.
    { code: ['speech_error'], category: 'transient', hint: 'The service is in trouble; it will be asked again.' },
  ],
};
