import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { COMPILE_CACHE } from './test/compile-cache.ts';
import { LongestFirst } from './test/longest-first.ts';

Object.assign(process.env, COMPILE_CACHE);

/** Tries a library as it comes; the program mends it for the whole process. */
const ALONE = ['test/sandbox/asterisk/ari-client.test.ts'];
/** `npm run test:asterisk`; not part of `npm test`. */
const ASTERISK = ['test/asterisk/**/*.test.ts'];

/**
 * So many files at a time: talks and outages mostly wait, and while they do, others compute. Files share their processes and so
 * load the SDKs once; nothing in src or test keeps state in a module that another file would notice.
 */
const group = (test: NonNullable<TestProjectInlineConfiguration['test']>): TestProjectInlineConfiguration => ({
  extends: true,
  test: { isolate: false, maxWorkers: 8, ...test },
});

export default defineConfig({
  test: {
    globalSetup: ['test/redis.ts'],
    testTimeout: 20_000,
    hookTimeout: 30_000,
    sequence: { sequencer: LongestFirst },
    projects: [
      group({ name: 'all', include: ['test/**/*.test.ts'], exclude: [...ASTERISK, ...ALONE] }),
      group({ name: 'alone', include: ALONE, isolate: true }),
      group({
        ...{ name: 'asterisk', include: ASTERISK, globalSetup: ['test/asterisk/prepared.ts'] },
        ...{ maxWorkers: 2, sequence: { groupOrder: 1 } },
      }),
    ],
  },
});
