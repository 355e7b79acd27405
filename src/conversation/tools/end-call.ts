import { lastWordsArgument, nullableText } from './last-words.ts';
import type { Tool } from './tool.ts';

/** @param usual the campaign's goodbye */
export function createEndCall(usual: string): Tool {
  return {
    name: 'end_call',
    endsTalk: true,
    describe: () => ({
      description: 'Ends the call after the farewell was heard to its end.',
      parameters: {
        type: 'object',
        properties: { farewell: nullableText('The last words to be spoken; null when your reply has them already.') },
        required: ['farewell'],
        additionalProperties: false,
      },
    }),
    async run(args) {
      const read = lastWordsArgument(args, 'farewell');
      if ('mistake' in read) return { kind: 'mistake', why: read.mistake };
      return { kind: 'closing', disposition: 'completed', reason: 'the agent said goodbye', words: read.words, usual };
    },
  };
}
