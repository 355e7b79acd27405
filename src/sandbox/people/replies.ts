import type { Persona } from './persona.ts';

/** What a person does next. */
export interface Reply {
  say?: string | undefined;
  press?: string | undefined;
  hangUp: boolean;
}

const goodbye = /\b(good ?bye|bye|auf wiederh(ö|oe)ren|tsch(ü|ue)ss?)\b/iu;

/** What a person makes of the words that reach them. Knows nothing of sound and time. */
export function createReplies(persona: Persona) {
  const rules = persona.when.map((rule) => ({ rule, left: rule.times }));
  let otherwiseLeft = persona.otherwise?.times ?? 0;
  /** Heard since this person last had something to say. */
  let fresh: string[] = [];
  let saidGoodbye = false;

  function fire(interrupting: boolean) {
    const text = fresh.join(' ');
    const found = rules.find(
      ({ rule, left }) => left > 0 && (rule.interruptAfterMs !== undefined) === interrupting && rule.heard.test(text),
    );
    if (!found) return undefined;
    found.left -= 1;
    fresh = [];
    return found.rule;
  }

  return {
    /** A word arrived. Returns what must be said at once, over the caller's words. */
    heard(word: string): { reply: Reply; afterMs: number } | undefined {
      fresh.push(word);
      if (goodbye.test(fresh.slice(-3).join(' '))) saidGoodbye = true;
      const rule = fire(true);
      return rule && { reply: rule, afterMs: rule.interruptAfterMs ?? 0 };
    },

    /** The caller paused after words that were new. */
    paused(): Reply | undefined {
      if (saidGoodbye || fresh.length === 0) return undefined;
      const rule = fire(false);
      if (rule) return rule;
      if (!persona.otherwise || otherwiseLeft === 0) return undefined;
      otherwiseLeft -= 1;
      fresh = [];
      return { say: persona.otherwise.say, hangUp: false };
    },

    /** The caller has taken leave: nothing more is answered. */
    get goodbyeHeard() {
      return saidGoodbye;
    },
  };
}
