import { z } from 'zod';

const text = z.string().trim().min(1);
const ms = z.number().int().min(0);

/** A regular expression in a YAML file: case doesn't matter, accented letters are letters. */
const pattern = text.transform((source, context) => {
  try {
    return new RegExp(source, 'iu');
  } catch (error) {
    context.addIssue({ code: 'custom', message: `not a regular expression: ${error instanceof Error ? error.message : String(error)}` });
    return z.NEVER;
  }
});

const ruleSchema = z.strictObject({
  /** Looked for in what was heard since this person last spoke. A key that was pressed reads `[1]`. */
  heard: pattern,
  say: text.optional(),
  /** Keys pressed on the phone. */
  press: z
    .string()
    .regex(/^[0-9*#]+$/)
    .optional(),
  /** Hangs up once the words are out. */
  hangUp: z.boolean().default(false),
  /** Doesn't wait for a pause: starts this long after the word, whatever is being said. */
  interruptAfterMs: ms.optional(),
  /** How often this rule may fire. */
  times: z.number().int().min(1).default(1),
});

const personaSchema = z.strictObject({
  role: z.string().regex(/^[a-z][a-z0-9-]*$/),
  number: z.string().regex(/^\+[1-9][0-9]{6,14}$/),
  name: text,
  language: text.default('en-US'),
  /** From the first ring until something picks up, or until the network says why not. */
  ringMs: ms.default(400),
  picksUp: z.enum(['answers', 'answering-machine', 'busy', 'no-answer', 'rejects', 'invalid-number', 'congestion']).default('answers'),
  firstWords: text.optional(),
  firstWordsAfterMs: ms.default(200),
  /** Their phone sends nothing at all while they are silent. */
  suppressesSilence: z.boolean().default(false),
  /** Quiet that this person takes for the end of our sentence. */
  reactionMs: ms.default(500),
  when: z.array(ruleSchema).default([]),
  /** Said when nothing in `when` fits what was heard. */
  otherwise: z.strictObject({ say: text, times: z.number().int().min(1).default(1) }).optional(),
  /** Hangs up this long after answering, in the middle of whatever is going on. */
  hangsUpAfterMs: ms.optional(),
  /** Hangs up this long after the quiet that follows a goodbye; `false`: stays on the line. */
  hangsUpAfterGoodbyeMs: z.union([ms, z.literal(false)]).default(2_500),
  /** Hangs up after this much quiet on both sides. */
  patienceMs: ms.default(20_000),
  machine: z.strictObject({ greeting: text, beepMs: ms.default(400), recordsMs: ms.default(15_000) }).optional(),
});

/** Someone who may be called in the sandbox, as the YAML file describes them. */
export type Persona = z.output<typeof personaSchema>;
export type PersonaRule = z.output<typeof ruleSchema>;

export const peopleFileSchema = z.strictObject({ people: z.array(personaSchema).min(1) }).superRefine(({ people }, context) => {
  for (const key of ['role', 'number'] as const) {
    const seen = new Set<string>();
    for (const [index, person] of people.entries()) {
      if (seen.has(person[key]))
        context.addIssue({ code: 'custom', path: ['people', index, key], message: `${person[key]} is taken already` });
      seen.add(person[key]);
    }
  }
  for (const [index, person] of people.entries()) {
    if (person.picksUp === 'answering-machine' && !person.machine) {
      context.addIssue({ code: 'custom', path: ['people', index, 'machine'], message: 'an answering machine needs a greeting' });
    }
  }
});
