import type { ModelTool } from '../services/language-model.ts';

const nullableText = (description: string) => ({ type: ['string', 'null'], description });

/** What the model can do besides talking. All properties are required, as strict schemas want it; null stands for "none". */
export const conversationTools: ModelTool[] = [
  {
    name: 'end_call',
    description: 'Ends the call after the farewell was heard to its end.',
    parameters: {
      type: 'object',
      properties: { farewell: nullableText('The last words to be spoken; null when your reply has them already.') },
      required: ['farewell'],
      additionalProperties: false,
    },
  },
  {
    name: 'opt_out',
    description: 'Records that this person must never be called again, and ends the call.',
    parameters: {
      type: 'object',
      properties: { acknowledgement: nullableText('One sentence that says so to the person; null for the usual one.') },
      required: ['acknowledgement'],
      additionalProperties: false,
    },
  },
];

/** A tool call as the model wrote it. */
export interface ToolCall {
  callId: string;
  name: string;
  arguments: string;
}

export type ToolOrder =
  | { kind: 'end-call'; words?: string | undefined }
  | { kind: 'opt-out'; words?: string | undefined }
  /** Done, and this is what came of it. */
  | { kind: 'done'; output: string }
  /** Told to the model, so that it can do better. */
  | { kind: 'mistake'; output: string };

/** Longer last words than this are a model that has lost its way. Some 30 s of speech. */
const MAX_LAST_WORDS = 450;

/** Tools besides those that end the call. */
interface OtherTools {
  tools(): ModelTool[];
  run(call: ToolCall): ToolOrder | undefined;
}

/** What a tool call means. Arguments come from outside: whatever isn't understood is a mistake, never an exception. */
export function readToolCall(call: ToolCall, others?: OtherTools): ToolOrder {
  const { name, arguments: json } = call;
  switch (name) {
    case 'end_call':
      return readWords(json, 'farewell', (words) => ({ kind: 'end-call', words }));
    case 'opt_out': {
      // Whatever is wrong with the arguments, the wish is clear.
      const order = readWords(json, 'acknowledgement', (words) => ({ kind: 'opt-out', words }));
      return order.kind === 'mistake' ? { kind: 'opt-out' } : order;
    }
    default: {
      const known = (others?.tools() ?? conversationTools).map((tool) => tool.name).join(', ');
      return others?.run(call) ?? mistake(`There is no tool "${name.slice(0, 60)}". The tools are: ${known}.`);
    }
  }
}

function readWords(json: string, property: string, order: (words: string | undefined) => ToolOrder): ToolOrder {
  const value = parseObject(json);
  if (value === undefined) return mistake('The arguments are not a JSON object. Nothing was done; call the tool again.');
  const words = Object.hasOwn(value, property) ? value[property] : null;
  if (words === null) return order(undefined);
  if (typeof words !== 'string') return mistake(`"${property}" must be a string or null. Nothing was done; call the tool again.`);
  return order(words.trim().slice(0, MAX_LAST_WORDS) || undefined);
}

export function parseObject(json: string): Record<string, unknown> | undefined {
  if (json.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

export function mistake(message: string): { kind: 'mistake'; output: string } {
  return { kind: 'mistake', output: JSON.stringify({ error: message }) };
}
