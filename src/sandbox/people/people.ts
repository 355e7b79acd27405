import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';
import { UserError } from '../../errors.ts';
import { createPersonCall, type PersonCall, type PersonCallRecord, type PersonLine } from './person-call.ts';
import { type Persona, peopleFileSchema } from './persona.ts';

/** Everybody who can be called in the sandbox, and what became of their calls. */
export interface People {
  readonly all: readonly Persona[];
  byNumber(e164: string): Persona | undefined;
  /** Throws when nobody has that role: a test that asks for it is wrong. */
  byRole(role: string): Persona;
  /** Finished calls of those who picked up, in the order in which they ended. */
  readonly log: PersonCallRecord[];
  /** Puts the person on the line; the finished call goes into `log`. */
  pickUp(persona: Persona, line: PersonLine): PersonCall;
}

const defaultFile = fileURLToPath(new URL('personas.yaml', import.meta.url));
/** Those of the default file, read once a process: that takes longer than to start a sandbox. */
let everybody: readonly Persona[] | undefined;

/** Reads the people's descriptions; throws a UserError that names every mistake in the file. */
export function loadPeople(file: string = defaultFile): People {
  if (file === defaultFile) everybody ??= readPeople(file);
  const all = (file === defaultFile && everybody) || readPeople(file);
  const numbers = new Map(all.map((persona) => [persona.number, persona]));
  const roles = new Map(all.map((persona) => [persona.role, persona]));
  const log: PersonCallRecord[] = [];
  return {
    all,
    log,
    byNumber: (e164) => numbers.get(e164),
    byRole(role) {
      const persona = roles.get(role);
      if (!persona) throw new UserError(`Nobody in ${file} has the role ${role}. Roles: ${[...roles.keys()].join(', ')}.`);
      return persona;
    },
    pickUp: (persona, line) =>
      createPersonCall(persona, {
        ...line,
        onEnded(record) {
          log.push(record);
          line.onEnded?.(record);
        },
      }),
  };
}

function readPeople(file: string): Persona[] {
  let content: unknown;
  try {
    content = parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new UserError(`The people file ${file} can't be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  const parsed = peopleFileSchema.safeParse(content);
  if (!parsed.success) throw new UserError(`The people file ${file} has mistakes:\n${z.prettifyError(parsed.error)}`);
  return parsed.data.people;
}
