import type { ErrorTable } from '../../error-classification/error-table.ts';
import { OPENAI_ERRORS } from './openai.ts';

/**
 * OpenAI's realtime sessions: a refused handshake, `error` messages, transcriptions that failed, and closes, whose reason may be a type
 * and a code (`invalid_request_error.invalid_api_key`). https://platform.openai.com/docs/api-reference/realtime-server-events/error
 */
export const OPENAI_LISTENING_ERRORS: ErrorTable = {
  ...OPENAI_ERRORS,
  shape: {
    status: ['statusCode', 'status'],
    code: ['body.error.code', 'body.error.type', 'code', 'type'],
    detail: ['body.error.message', 'error.message'],
    headers: ['headers'],
  },
  rules: [
    // Nobody's fault: an hour is as long as a session may be.
    { code: ['session_expired'], category: 'permanent', as: 'session_time_limit_exceeded', hint: 'A new session is needed.' },
    // The handshake may let a bad key in, and the first message then says so.
    { code: ['invalid_api_key'], category: 'auth', hint: 'Check OPENAI_API_KEY.' },
    {
      code: ['model_not_found', 'invalid_model'],
      category: 'permanent',
      hint: 'Check OPENAI_LISTENING_MODEL: the model may not exist, may not listen or may not be open to this key.',
    },
    ...OPENAI_ERRORS.rules,
    {
      code: ['invalid_request_error'],
      category: 'permanent',
      hint: 'The service objected to what we sent: check OPENAI_LISTENING_MODEL and the language.',
    },
    // An error message that no line above knows is the service's fault.
    { code: ['service-error'], category: 'transient', hint: 'The service is in trouble; it will be asked again.' },
  ],
};
