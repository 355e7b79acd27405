import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadPeople } from '../../../src/sandbox/people/people.ts';

const folder = mkdtempSync(join(tmpdir(), 'people-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(content: string) {
  const path = join(folder, 'people.yaml');
  writeFileSync(path, content);
  return path;
}

describe('the list of people', () => {
  it('finds people by role and by number', () => {
    const people = loadPeople();
    expect(people.byRole('busy').picksUp).toBe('busy');
    expect(people.byNumber('+12025550101')?.role).toBe('answers-and-confirms');
    expect(people.byNumber('+12025550199')).toBeUndefined();
    expect(() => people.byRole('astronaut')).toThrow(/nobody.*astronaut.*busy/is);
  });

  it('holds only numbers that are reserved for fiction', () => {
    for (const person of loadPeople().all) expect(person.number).toMatch(/^(\+120255501\d\d|\+493023125\d{3})$/);
  });

  it('names every mistake in a file at once', () => {
    const path = file(
      'people:\n  - { role: Bad Role, number: "123", name: X, picksUp: answering-machine }\n  - { role: ok, number: "+12025550100", name: X, when: [{ heard: "(" }] }\n',
    );
    expect(() => loadPeople(path)).toThrow(/role[\s\S]*number|number[\s\S]*role/);
    expect(() => loadPeople(path)).toThrow(/not a regular expression/);
  });

  it('refuses a number that two people have, and a machine without a greeting', () => {
    const path = file(
      'people:\n  - { role: one, number: "+12025550100", name: X }\n  - { role: two, number: "+12025550100", name: Y, picksUp: answering-machine }\n',
    );
    expect(() => loadPeople(path)).toThrow(/taken already[\s\S]*needs a greeting/);
  });

  it('says which file is missing', () => {
    expect(() => loadPeople(join(folder, 'none.yaml'))).toThrow(/none\.yaml/);
  });
});
