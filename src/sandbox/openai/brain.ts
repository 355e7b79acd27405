import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';

export interface BrainRequest {
  instructions: string;
  /** What was said so far, oldest first. */
  messages: { role: 'user' | 'assistant' | 'system'; text: string }[];
  /** The callee's last words; empty when they said nothing yet. */
  heard: string;
  /** How often the callee has spoken. */
  turn: number;
  /** Names of the tools at hand. */
  tools: string[];
  /** The last thing in the conversation is what a tool answered. */
  afterTool: boolean;
}

export interface BrainReply {
  text?: string | undefined;
  toolCalls?: { name: string; arguments: Record<string, unknown> }[] | undefined;
}

/** What thinks behind the sandbox's language model. */
export type Brain = (request: BrainRequest) => BrainReply;

const pattern = z.string().transform((source) => new RegExp(source, 'iu'));

const Rule = z.strictObject({
  /** The callee's last words. */
  when: pattern,
  /** What the agent has said before: this must be in it, or must not. */
  said: pattern.optional(),
  unless: pattern.optional(),
  /** How often the callee has spoken. */
  turn: z.number().int().optional(),
  say: z.string().optional(),
  tool: z.string().optional(),
  arguments: z.record(z.string(), z.unknown()).default({}),
});

const Rules = z.array(z.strictObject({ language: z.enum(['en', 'de']), about: pattern.optional(), rules: z.array(Rule) }));
type Rules = z.infer<typeof Rules>;

/** What brain.yaml says, once a process: to read it takes longer than to start a sandbox. */
let ofTheSandbox: Rules | undefined;

/** The rules of brain.yaml: an appointment reminder and a lead follow-up, in English and German. */
export function createRuleBrain(): Brain {
  ofTheSandbox ??= Rules.parse(parse(readFileSync(new URL('brain.yaml', import.meta.url), 'utf8')));
  const groups = ofTheSandbox;
  return (request) => {
    if (request.afterTool) return { text: isGerman(request.instructions) ? 'Gut. Auf Wiederhören.' : 'All right. Goodbye.' };
    const rule = findRule(groups, request);
    if (!rule) return { text: 'Yes.' };
    const facts = factsIn(request.instructions);
    const fill = (text: string) => text.replace(/\{\{(\w+)(?:\|([^}]*))?\}\}/g, (_, name: string, other = '') => facts[name] ?? other);
    const filled = Object.entries(rule.arguments).map(([name, value]) => [name, typeof value === 'string' ? fill(value) : value]);
    const callable = rule.tool !== undefined && request.tools.includes(rule.tool);
    // Without the tool at hand its words are said all the same.
    const words = rule.say ?? (callable ? undefined : filled.map(([, value]) => value).find((value) => typeof value === 'string'));
    return {
      text: words === undefined ? undefined : fill(words),
      toolCalls: callable ? [{ name: rule.tool ?? '', arguments: Object.fromEntries(filled) }] : [],
    };
  };
}

function findRule(groups: Rules, { instructions, messages, heard, turn }: BrainRequest): z.infer<typeof Rule> | undefined {
  const language = isGerman(instructions) ? 'de' : 'en';
  const said = messages.flatMap(({ role, text }) => (role === 'assistant' ? [text] : [])).join(' ');
  return groups
    .filter((group) => group.language === language && (group.about?.test(instructions) ?? true))
    .flatMap((group) => group.rules)
    .find(
      (rule) =>
        rule.when.test(heard) &&
        (rule.said?.test(said) ?? true) &&
        !rule.unless?.test(said) &&
        (rule.turn === undefined || rule.turn === turn),
    );
}

function isGerman(instructions: string): boolean {
  return /\bde-[A-Z]{2}\b|\blanguage:? "?(de|german)\b|auf deutsch/i.test(instructions);
}

/** Facts about the contact stand in the instructions as a JSON object on a line of its own. */
function factsIn(instructions: string): Record<string, string> {
  const facts: Record<string, string> = {};
  for (const line of instructions.split('\n')) {
    if (!line.startsWith('{')) continue;
    try {
      for (const [name, value] of Object.entries(JSON.parse(line))) if (typeof value === 'string') facts[name] = value;
    } catch {
      // Not facts.
    }
  }
  return facts;
}
