import { describe, expect, it } from 'vitest';
import { createRuleBrain } from '../../../src/sandbox/openai/brain.ts';
import { loadPeople } from '../../../src/sandbox/people/people.ts';
import { createReplies } from '../../../src/sandbox/people/replies.ts';

const opening = {
  en: 'Hello, this is the Lindenweg dental practice. I am an automated assistant, and this call is recorded.',
  de: 'Guten Tag, hier ist die Praxis am Lindenweg. Ich bin eine automatische Assistentin, und der Anruf wird aufgezeichnet.',
};
const instructions = {
  en: 'Language: en-US. Remind of the appointment tomorrow at ten at the dental practice.',
  de: 'Sprache: de-DE. Sprich Deutsch. Erinnere an den Termin in der Zahnarztpraxis.',
};

/** What is said when both sides speak in turn and nothing is lost on the way. The person ends it, or a tool does. */
function smallTalk(role: string) {
  const persona = loadPeople().byRole(role);
  const language = persona.language.startsWith('de') ? 'de' : 'en';
  const brain = createRuleBrain();
  const person = createReplies(persona);
  const messages: { role: 'user' | 'assistant'; text: string }[] = [];
  const talk: string[] = [];
  let ours = opening[language];
  for (let turn = 1; turn <= 10; turn++) {
    talk.push(`agent: ${ours}`);
    messages.push({ role: 'assistant', text: ours });
    let theirs: string | undefined;
    for (const word of ours.split(' ')) {
      const interruption = person.heard(word);
      if (!interruption) continue;
      theirs = interruption.reply.say;
      break;
    }
    theirs ??= person.paused()?.say;
    if (theirs === undefined) return { talk, end: person.goodbyeHeard ? 'goodbye' : 'stuck' };
    talk.push(`${role}: ${theirs}`);
    messages.push({ role: 'user', text: theirs });
    const tools = ['end_call', 'opt_out'];
    const reply = brain({ instructions: instructions[language], messages, heard: theirs, turn, tools, afterTool: false });
    const [tool] = reply.toolCalls ?? [];
    if (tool) return { talk: [...talk, `agent: ${reply.text ?? ''} [${tool.name}]`], end: tool.name };
    ours = reply.text ?? '';
  }
  return { talk, end: 'endless' };
}

describe('people and the sandbox model get along', () => {
  it.each([
    ['answers-and-confirms', 'end_call'],
    ['answers-and-asks', 'end_call'],
    ['interrupts', 'end_call'],
    ['wants-to-be-left-alone', 'opt_out'],
    ['speaks-german', 'end_call'],
    ['reschedules', 'end_call'],
    ['wrong-person', 'end_call'],
  ])('%s: the talk ends by %s', (role, end) => {
    const { talk, end: ended } = smallTalk(role);
    expect(ended, talk.join('\n')).toBe(end);
  });
});
