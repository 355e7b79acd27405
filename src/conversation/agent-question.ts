import { brokenOffNote } from './instructions.ts';

/** What a voice agent is asked that owes a reply which doesn't come by itself: as if the callee said it once more. */
export interface AgentQuestion {
  /** The callee has said this. False: that was our question, which the agent tells of like of anything that it hears. */
  calleeSaid(text: string): boolean;
  /** Its reply ended too early; this was heard of it. */
  replyBroke(heard: string): void;
  /** A tool call for which it waits no longer has come to this. */
  toolCame(note: string): void;
  /** It replies. */
  answered(): void;
  ask(): string;
}

export function createAgentQuestion(): AgentQuestion {
  let lastWords = '';
  let heardOfBroken: string | undefined;
  let cameOf = '';
  let asked: string | undefined;

  return {
    calleeSaid(text) {
      if (text === asked) {
        asked = undefined;
        return false;
      }
      lastWords = text;
      heardOfBroken = undefined;
      return true;
    },
    replyBroke(heard) {
      heardOfBroken = heard;
    },
    toolCame(note) {
      cameOf = note;
    },
    answered() {
      asked = undefined;
      cameOf = '';
    },
    ask() {
      const note = heardOfBroken === undefined ? '' : brokenOffNote(heardOfBroken);
      asked = [lastWords, note, cameOf].filter((text) => text !== '').join(' ') || 'Hello?';
      return asked;
    },
  };
}
