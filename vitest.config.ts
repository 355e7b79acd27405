import { defineConfig } from 'vitest/config';

/** Talk in real time: mostly waiting, and hurt by a neighbour that takes the processor. */
const REAL_TIME = [
  'test/scenarios/**/*.test.ts',
  'test/asterisk/**/*.test.ts',
  'test/conversation/{whole-call,whole-call-*,outages}.test.ts',
  'test/media/conversation-line.test.ts',
  'test/sandbox/asterisk/media.test.ts',
  'test/wire-media.test.ts',
];
/** Several worker processes and a Redis for each history. */
const CHAOS = ['test/chaos/**/*.test.ts'];

/** One group after the other, each with as many files at a time as it bears on two cores. */
const group = (name: string, groupOrder: number, maxWorkers: number, include: string[], exclude: string[] = []) => ({
  extends: true as const,
  test: { name, include, exclude, maxWorkers, sequence: { groupOrder } },
});

export default defineConfig({
  test: {
    globalSetup: ['test/redis.ts'],
    testTimeout: 20_000,
    hookTimeout: 30_000,
    projects: [
      group('parts', 0, 2, ['test/**/*.test.ts'], [...REAL_TIME, ...CHAOS]),
      group('real time', 1, 2, REAL_TIME),
      group('chaos', 2, 1, CHAOS),
    ],
  },
});
