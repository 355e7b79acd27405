import type { CallLine } from '../call-line.ts';
import type { Tool } from './tool.ts';

/** An account number and some pauses; a menu wants one key at a time. */
const MAX_KEYS = 32;
/** Of half a second each. */
const MAX_PAUSES = 8;
const KEYS = new RegExp(`^[0-9*#A-Dw]{1,${MAX_KEYS}}$`);

/** Presses keys, for menus that are operated by them. */
export function createSendDtmf(line: Pick<CallLine, 'sendDtmf'>): Tool {
  return {
    name: 'send_dtmf',
    calleeElsewhere: true,
    describe: () => ({
      description:
        'Presses keys of the telephone, for a recorded menu that asks for them. Only when a recording asks, never for a person. Press the key of the choice that leads to a person or to your goal, and wait for what is said next.',
      parameters: {
        type: 'object',
        properties: { keys: { type: 'string', description: 'Keys in order: 0-9, *, #, A-D. w waits for half a second.' } },
        required: ['keys'],
        additionalProperties: false,
      },
    }),
    async run({ keys }) {
      if (typeof keys !== 'string' || !KEYS.test(keys) || keys.split('w').length - 1 > MAX_PAUSES)
        return { kind: 'mistake', why: `"keys" must be 1 to ${MAX_KEYS} of 0-9 * # A-D, and at most ${MAX_PAUSES} w for pauses` };
      await line.sendDtmf(keys);
      return { kind: 'done', output: { pressed: keys } };
    },
  };
}
