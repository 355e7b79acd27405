import { describe, expect, it } from 'vitest';
import { createSentenceCutter, splitSentences } from '../../src/conversation/sentences.ts';

describe('cutting what the model writes into sentences', () => {
  const cases: [string, string, string[]][] = [
    ['two plain sentences', 'Hello Anna. How are you?', ['Hello Anna.', 'How are you?']],
    ['titles', 'Dr. Smith will see you. Mrs. Jones too.', ['Dr. Smith will see you.', 'Mrs. Jones too.']],
    ['times of day', 'Come at 3.30 p.m. on Tuesday. Is that fine?', ['Come at 3.30 p.m. on Tuesday.', 'Is that fine?']],
    ['a time of day before a weekday', 'It is at 9 a.m. Tuesday. Fine?', ['It is at 9 a.m. Tuesday.', 'Fine?']],
    ['a time of day at the end', 'It is at 3 p.m. Please come early.', ['It is at 3 p.m.', 'Please come early.']],
    ['decimals and amounts', 'That is 3.5 hours, or $49.90. All right?', ['That is 3.5 hours, or $49.90.', 'All right?']],
    ['quotes', 'He said "We will come." Then he left.', ['He said "We will come."', 'Then he left.']],
    ['a quoted question within a sentence', '"Really?" she asked. Yes.', ['"Really?" she asked.', 'Yes.']],
    ['initials', 'Ask for J. Smith or U. S. Grant. Thanks!', ['Ask for J. Smith or U. S. Grant.', 'Thanks!']],
    ['a number sign, and the word no', 'Take room no. 7. Oh no. We moved.', ['Take room no. 7.', 'Oh no.', 'We moved.']],
    ['a sentence that ends in I', 'So do I. Shall we?', ['So do I.', 'Shall we?']],
    ['trailing dots', 'Let me see... Yes, that works.', ['Let me see...', 'Yes, that works.']],
    ['lists and markup', '**Two** times:\n- Monday\n- Tuesday', ['Two times:', 'Monday', 'Tuesday']],
    ['what cannot be spoken', '🙂 ... Good. —', ['Good.']],
    ['web addresses', 'See example.com for more. Bye.', ['See example.com for more.', 'Bye.']],
  ];
  it.each(cases)('keeps %s right', (_name, text, sentences) => {
    expect(splitSentences(text, 'en-US')).toEqual(sentences);
  });

  const german: [string, string, string[]][] = [
    ['ordinals', 'Ihr Termin ist am 3. Mai um 15.30 Uhr. Passt das?', ['Ihr Termin ist am 3. Mai um 15.30 Uhr.', 'Passt das?']],
    ['abbreviations', 'Bringen Sie z. B. die Karte mit. Bis ca. 10 Uhr.', ['Bringen Sie z. B. die Karte mit.', 'Bis ca. 10 Uhr.']],
    ['titles', 'Hier ist die Praxis Dr. Weiß. Guten Tag!', ['Hier ist die Praxis Dr. Weiß.', 'Guten Tag!']],
    ['German quotes', '„Kommen Sie.“ Das sagte er.', ['„Kommen Sie.“', 'Das sagte er.']],
  ];
  it.each(german)('keeps German %s right', (_name, text, sentences) => {
    expect(splitSentences(text, 'de-DE')).toEqual(sentences);
  });

  it('gives out a sentence as soon as the next one begins, not when the reply is whole', () => {
    const cutter = createSentenceCutter('en-US');
    expect(cutter.push('Your appointment is at 3')).toEqual([]);
    expect(cutter.push('.')).toEqual([]);
    expect(cutter.push('30 p.m. on Tuesday.')).toEqual([]);
    expect(cutter.push(' Shall')).toEqual(['Your appointment is at 3.30 p.m. on Tuesday.']);
    expect(cutter.push(' I confirm?')).toEqual([]);
    expect(cutter.end()).toEqual(['Shall I confirm?']);
  });

  it('comes to the same sentences however the text arrives', () => {
    const text = 'Hello Dr. Brown! It is $3.50, at 9 a.m. sharp. "Fine?" he said. See you on the 5th… Bye.';
    const whole = splitSentences(text, 'en-US');
    for (let size = 1; size < 12; size++) {
      const cutter = createSentenceCutter('en-US');
      const sentences: string[] = [];
      for (let at = 0; at < text.length; at += size) sentences.push(...cutter.push(text.slice(at, at + size)));
      expect([...sentences, ...cutter.end()]).toEqual(whole);
    }
  });

  it('cuts a sentence that never ends at a place to breathe', () => {
    const cutter = createSentenceCutter('en-US');
    const sentences = cutter.push('and then we go on, as before, '.repeat(40));
    expect(sentences.length).toBeGreaterThan(2);
    for (const sentence of sentences) {
      expect(sentence.length).toBeLessThanOrEqual(300);
      expect(sentence).toMatch(/,$/);
    }
    expect(splitSentences('x'.repeat(1000), 'en-US').join('')).toHaveLength(1000);
  });
});
