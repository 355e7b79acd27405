import type { ErrorTable } from '../../error-classification/error-table.ts';
import { DEEPGRAM_ERRORS } from './deepgram.ts';

/** What the voice agent says besides. Every error of it ends the session. https://developers.deepgram.com/docs/voice-agent-errors-warnings */
export const DEEPGRAM_AGENT_ERRORS: ErrorTable = {
  ...DEEPGRAM_ERRORS,
  rules: [
    // Nobody's fault: it was quiet for too long, it was as long as a session may be, its server is being stopped.
    { code: ['CLIENT_MESSAGE_TIMEOUT'], category: 'permanent', as: 'session-idle', hint: 'A new session is needed.' },
    {
      code: ['MAXIMUM_SESSION_LENGTH_REACHED', 'SERVER_GOING_AWAY'],
      category: 'permanent',
      as: 'session-over',
      hint: 'A new session is needed.',
    },
    {
      code: ['INVALID_SETTINGS'],
      category: 'permanent',
      hint: 'Check DEEPGRAM_MODEL, DEEPGRAM_AGENT_THINK and DEEPGRAM_AGENT_VOICE, and whether they know the language.',
    },
    {
      code: [
        'NON_SETTINGS_MESSAGE_BEFORE_SETTINGS',
        'SETTINGS_ALREADY_APPLIED',
        'USER_AUDIO_FORMAT',
        'NON_EXISTENT_FUNCTION_CALLED',
        'AGENT_ID_NOT_SUPPORTED',
        'INVALID_AGENT_ID',
      ],
      category: 'permanent',
      hint: 'The service objected to what we sent.',
    },
    {
      code: ['FAILED_TO_THINK'],
      category: 'transient',
      hint: 'The language model behind the agent is in trouble; it will be asked again. If this goes on, set another DEEPGRAM_AGENT_THINK.',
    },
    {
      code: ['FAILED_TO_SPEAK'],
      category: 'transient',
      hint: 'The voice behind the agent is in trouble; it will be asked again. If this goes on, set another DEEPGRAM_AGENT_VOICE.',
    },
    {
      code: ['FAILED_TO_START_LISTENING', 'ASR_CONNECTION_CLOSED', 'ASR_DRIVER_TIMEOUT'],
      category: 'transient',
      hint: 'The speech-to-text behind the agent is in trouble; it will be asked again.',
    },
    ...DEEPGRAM_ERRORS.rules,
  ],
};
