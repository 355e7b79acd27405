import { lastWordsArgument, nullableText } from './last-words.ts';
import type { Tool } from './tool.ts';

export const OPT_OUT = 'opt_out';

/** @param usual our own acknowledgement */
export function createOptOut(usual: string): Tool {
  return {
    name: OPT_OUT,
    endsTalk: true,
    describe: () => ({
      description: 'Records that this person must never be called again, and ends the call.',
      parameters: {
        type: 'object',
        properties: { acknowledgement: nullableText('One sentence that says so to the person; null for the usual one.') },
        required: ['acknowledgement'],
        additionalProperties: false,
      },
    }),
    async run(args) {
      const read = lastWordsArgument(args, 'acknowledgement');
      // Whatever is wrong with the arguments, the wish is clear.
      const words = 'mistake' in read ? undefined : read.words;
      return { kind: 'closing', disposition: 'opted-out', reason: 'the callee asked not to be called again', words, usual };
    },
  };
}
