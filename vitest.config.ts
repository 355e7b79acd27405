import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { COMPILE_CACHE } from './test/compile-cache.ts';
import { LongestFirst } from './test/longest-first.ts';

Object.assign(process.env, COMPILE_CACHE);

/** Tries a library as it comes; the program mends it for the whole process. */
const ALONE = ['test/sandbox/asterisk/ari-client.test.ts'];
/** Several worker processes and a Redis for each history: enough for two cores. */
const CHAOS = ['test/chaos/chaos.test.ts'];
/** `npm run test:asterisk`; not part of `npm test`. */
const ASTERISK = ['test/asterisk/**/*.test.ts'];

/** Talk in real time: mostly waiting, and hurt by neighbours that take the processor, for then words are lost. */
const REAL_TIME = [
  'test/scenarios/**/*.test.ts',
  'test/call/transfer.test.ts',
  'test/conversation/{whole-call,whole-call-*,outages}.test.ts',
  'test/media/{conversation-line,media-leg}.test.ts',
  'test/sandbox/asterisk/media.test.ts',
  'test/wire-media.test.ts',
];

/** One group after the other. Files share their processes and so load the SDKs once; nothing in src or test keeps state in a module that another file would notice. */
const group = ({
  order,
  ...test
}: NonNullable<TestProjectInlineConfiguration['test']> & { order: number }): TestProjectInlineConfiguration => ({
  extends: true,
  test: { isolate: false, ...test, sequence: { groupOrder: order } },
});

export default defineConfig({
  test: {
    globalSetup: ['test/redis.ts'],
    testTimeout: 60_000,
    hookTimeout: 30_000,
    // A second, which is usual, is not much on a machine that several files share.
    expect: { poll: { timeout: 10_000 } },
    sequence: { sequencer: LongestFirst },
    projects: [
      group({
        name: 'parts',
        order: 0,
        // Half of what they do is waiting.
        maxWorkers: 6,
        include: ['test/**/*.test.ts'],
        exclude: [...REAL_TIME, ...CHAOS, ...ASTERISK, ...ALONE],
      }),
      group({ name: 'alone', order: 0, maxWorkers: 6, include: ALONE, isolate: true }),
      group({ name: 'real time', order: 1, maxWorkers: 4, include: REAL_TIME }),
      group({ name: 'chaos', order: 2, maxWorkers: 1, include: CHAOS }),
      group({ name: 'asterisk', order: 3, maxWorkers: 2, include: ASTERISK, globalSetup: ['test/asterisk/prepared.ts'] }),
    ],
  },
});
