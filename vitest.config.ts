import { defineConfig } from 'vitest/config';
import { COMPILE_CACHE } from './test/compile-cache.ts';

Object.assign(process.env, COMPILE_CACHE);

/** Talk in real time: mostly waiting, and hurt by a neighbour that takes the processor. */
const REAL_TIME = [
  'test/scenarios/**/*.test.ts',
  'test/conversation/{whole-call,whole-call-*,outages}.test.ts',
  'test/media/conversation-line.test.ts',
  'test/sandbox/asterisk/media.test.ts',
  'test/wire-media.test.ts',
];
/** Tries a library as it comes; the program mends it for the whole process. */
const ALONE = ['test/sandbox/asterisk/ari-client.test.ts'];
/** Several worker processes and a Redis for each history. */
const CHAOS = ['test/chaos/**/*.test.ts'];
/** `npm run test:asterisk`; not part of `npm test`. */
const ASTERISK = ['test/asterisk/**/*.test.ts'];

interface Group {
  name: string;
  order: number;
  /** As many files at a time as the group bears on two cores. */
  maxWorkers: number;
  include: string[];
  exclude?: string[];
  isolate?: boolean;
  globalSetup?: string[];
}

/**
 * One group after the other. The files of a group share their processes and so load the SDKs once: that is half of the processor time.
 * Nothing in src or test keeps state in a module.
 */
const group = ({ order, ...group }: Group) => ({
  extends: true as const,
  test: { isolate: false, ...group, sequence: { groupOrder: order } },
});

export default defineConfig({
  test: {
    globalSetup: ['test/redis.ts'],
    testTimeout: 20_000,
    hookTimeout: 30_000,
    projects: [
      group({
        name: 'parts',
        order: 0,
        maxWorkers: 3,
        include: ['test/**/*.test.ts'],
        exclude: [...REAL_TIME, ...CHAOS, ...ASTERISK, ...ALONE],
      }),
      group({ name: 'alone', order: 0, maxWorkers: 3, include: ALONE, isolate: true }),
      group({ name: 'real time', order: 1, maxWorkers: 3, include: REAL_TIME }),
      group({ name: 'chaos', order: 2, maxWorkers: 1, include: CHAOS }),
      group({ name: 'asterisk', order: 3, maxWorkers: 2, include: ASTERISK, globalSetup: ['test/asterisk/prepared.ts'] }),
    ],
  },
});
