import type { AnswerField, AnswerFields } from '../../call/campaign.ts';
import type { Answers } from '../../call/outcome.ts';
import type { Tool } from './tool.ts';

/** An answer in the callee's own words is one sentence. Characters. */
const MAX_TEXT = 500;

/**
 * Writes down what the call was to find out. What doesn't fit the campaign's schema is refused as a whole.
 * @param onRecorded gets all answers so far
 */
export function createRecordAnswers(fields: AnswerFields, onRecorded: (answers: Answers) => void): Tool {
  let recorded: Answers = {};
  return {
    name: 'record_answers',
    describe: () => ({
      description:
        'Writes down what the person has answered. Call it as soon as you know one of these, and again when an answer changes; null for what you don’t know yet. Nothing is spoken by it.',
      parameters: {
        type: 'object',
        properties: Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, schemaOf(field)])),
        required: Object.keys(fields),
        additionalProperties: false,
      },
    }),
    async run(args) {
      const read = readAnswers(fields, args);
      if ('mistakes' in read) return { kind: 'mistake', why: read.mistakes.join('; ') };
      recorded = { ...recorded, ...read.answers };
      onRecorded(recorded);
      const stillMissing = Object.keys(fields).filter((name) => !Object.hasOwn(recorded, name));
      return { kind: 'done', output: { recorded: read.answers, stillMissing } };
    },
  };
}

function schemaOf(field: AnswerField): Record<string, unknown> {
  const description = field.about;
  switch (field.type) {
    case 'text':
      return { type: ['string', 'null'], description };
    case 'number':
      return { type: ['number', 'null'], description };
    case 'yes-no':
      return { type: ['boolean', 'null'], description };
    case 'choice':
      return { type: ['string', 'null'], enum: [...field.choices, null], description };
  }
}

/** The answers in what the model wrote, or what is wrong with them, all at once. Nothing is taken of arguments with a mistake. */
function readAnswers(fields: AnswerFields, args: Record<string, unknown>): { answers: Answers } | { mistakes: string[] } {
  const answers: Answers = {};
  const mistakes: string[] = [];
  for (const [name, value] of Object.entries(args)) {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (field === undefined) mistakes.push(`there is no answer "${name.slice(0, 60)}"; there are ${Object.keys(fields).join(', ')}`);
    else if (value === null) continue;
    else {
      const expected = misfit(field, value);
      if (expected === undefined) answers[name] = value as Answers[string];
      else mistakes.push(`"${name}" must be ${expected}, or null`);
    }
  }
  return mistakes.length > 0 ? { mistakes } : { answers };
}

/** What the value should have been; undefined when it fits. */
function misfit(field: AnswerField, value: unknown): string | undefined {
  switch (field.type) {
    case 'text':
      return typeof value === 'string' && value.trim() !== '' && value.length <= MAX_TEXT
        ? undefined
        : `a text of at most ${MAX_TEXT} characters`;
    case 'number':
      return typeof value === 'number' && Number.isFinite(value) ? undefined : 'a number';
    case 'yes-no':
      return typeof value === 'boolean' ? undefined : 'true or false';
    case 'choice':
      return typeof value === 'string' && field.choices.includes(value) ? undefined : `one of ${field.choices.join(', ')}`;
  }
}
