import { preparedAsterisk } from '../../src/sandbox/real-asterisk.ts';

/** The project's folder of unpacked packages: shared by every run, filled by `npm run asterisk -- up`. */
export const dataDir = 'data';

/** For `describe.skipIf(notPrepared)`: tests against a real Asterisk run when one has been unpacked. The set-up of the run says when they don't. */
export const notPrepared = preparedAsterisk(dataDir) === undefined;
