import type { ModelTool } from '../services/language-model.ts';
import type { AgentBrief } from '../services/voice-agent.ts';

/** Of the notes on what the agent can't know by itself: the latest of them. */
const MAX_NOTES = 5;

/** A part of the talk in which other rules hold. */
export interface AgentRules {
  note: string;
  /** By name: all that there are now. */
  tools: readonly string[];
}

/** What a voice agent is told before everything else, as it changes in the course of a talk. */
export interface ChangingBrief {
  read(): AgentBrief;
  note(text: string): void;
  /** Until told otherwise; undefined: as ever. */
  rules: AgentRules | undefined;
}

export function createChangingBrief(instructions: () => string, tools: () => readonly ModelTool[]): ChangingBrief {
  const notes: string[] = [];
  let rules: AgentRules | undefined;
  return {
    read: () => ({
      instructions: [instructions(), ...notes, ...(rules ? [rules.note] : [])].join('\n\n'),
      tools: tools().filter(({ name }) => rules?.tools.includes(name) ?? true),
    }),
    note(text) {
      notes.push(text);
      if (notes.length > MAX_NOTES) notes.shift();
    },
    get rules() {
      return rules;
    },
    set rules(next) {
      rules = next;
    },
  };
}
