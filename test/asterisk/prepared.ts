import { UserError } from '../../src/errors.ts';
import { preparedAsterisk } from '../../src/sandbox/real-asterisk.ts';

/** The project's folder of unpacked packages: shared by every run, filled by `npm run asterisk -- prepare`. */
export const dataDir = 'data';

/** Of the whole run: a test against a real Asterisk is never skipped, it can't begin. */
export function setup(): void {
  if (preparedAsterisk(dataDir) !== undefined) return;
  throw new UserError('The tests against a real Asterisk need one, and none is unpacked here. Run "npm run asterisk -- prepare" first.');
}
