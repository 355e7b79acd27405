import { describe, expect, it } from 'vitest';
import { openStage, playHistory, runHistory } from './histories.ts';
import { planFaults, runSeed } from './random-faults.ts';

// The short form, with callees who hang up soon; `npm run test:chaos` sweeps every boundary. Each history has a Redis, a world and workers of its own.
/** The end of what the workers of a history with a violation have written. Characters. */
const LOG_LENGTH = 60_000;
const world = { asterisk: 'sandbox', story: 'brief', onLogs: (logs: string) => console.error(logs.slice(-LOG_LENGTH)) } as const;
/** 20 s on an idle machine; ten times that on one where everything else waits as well. */
const SLOW = { timeout: 400_000 };

describe.concurrent('a worker', SLOW, () => {
  it('killed with its dial on the way, which arrives after the take-over: nobody is lost, nobody is dialled twice', async () => {
    const boundary = 'first call: asterisk POST ari/channels/{callee}/dial #1 request';
    expect(await runHistory({ boundary, signal: 'kill-late' }, world)).toMatchObject({ reached: true, violations: [] });
  });

  it('whose request for a media leg is lost, and that never hears what became of a dial: nobody is lost, nobody is dialled twice', async () => {
    const stage = await openStage(world);
    try {
      for (const what of ['externalMedia #1 request', '{callee}/dial #1 answer']) {
        const boundary = `asterisk POST ari/channels/${what}`;
        expect(await playHistory(stage, { boundary, signal: 'cut' }, world)).toMatchObject({ reached: true, violations: [] });
      }
    } finally {
      await stage.run.close();
    }
  });

  it('that marks nothing dials a second time, and the checkers see it', async () => {
    const boundary = 'first call: asterisk POST ari/channels/{callee}/dial #1 answer';
    const { violations } = await runHistory({ boundary, signal: 'kill' }, { ...world, onLogs: undefined, broken: 'mark-not-written' });
    expect(violations).toContainEqual({ promise: 'P2', what: 'dialled 2 times' });
  });

  it('whose world breaks at random loses nobody and dials nobody twice', async () => {
    const { happened, violations } = await runSeed(SEED, { ...world, workers: 1 });
    expect(violations).toEqual([]);
    expect(happened).toBeGreaterThan(0);
  });
});

/** The event socket goes silent, and the spreadsheet answers 502 to what it wrote. */
const SEED = 24;

it('a seed always means the same faults', () => {
  expect(planFaults(SEED)).toEqual(planFaults(SEED));
  expect(planFaults(SEED)).not.toEqual(planFaults(SEED + 1));
});
