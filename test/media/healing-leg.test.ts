import { afterEach, describe, expect, test, vi } from 'vitest';
import { createHealingLeg } from '../../src/media/healing-leg.ts';
import type { MediaLeg } from '../../src/media/media-leg.ts';
import { counted, LINES, type Line, type OpenLine } from './far-ends.ts';

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.close();
});

async function healing(openLine: OpenLine, reopenFirst: () => Promise<unknown> = async () => {}) {
  const lines: Line[] = [];
  const open = async (): Promise<MediaLeg> => {
    const line = await openLine();
    lines.push(line);
    opened.push(line);
    return line.leg;
  };
  const call = new AbortController();
  const reopen = vi.fn(async () => {
    await reopenFirst();
    return open();
  });
  const logger = { info: vi.fn(), warn: vi.fn() };
  const leg = createHealingLeg({ first: await open(), reopen, logger, signal: call.signal });
  opened.push(leg);
  /** The living line, once it is the n-th. */
  const line = (n: number) =>
    vi.waitFor(
      async () => {
        expect(logger.info).toHaveBeenCalledTimes(n - 1);
        const found = lines[n - 1];
        if (!found) throw new Error('not yet');
        return found;
      },
      { timeout: 5_000, interval: 5 },
    );
  return { leg, line, call, reopen, logger };
}

describe.each(LINES)('a leg by %s that heals', (_, openLine) => {
  test('goes on where it was cut when the gap is short: every sample is heard once', async () => {
    const { leg, line } = await healing(openLine);
    const first = await line(1);
    const utterance = leg.speak();
    void utterance.write(counted(1_000));
    await first.play(400);
    const leastMs = utterance.heardMs;
    expect(leastMs).toBeGreaterThanOrEqual(400);
    first.hangUp();
    const second = await line(2);
    // On a busy machine some of it was heard on the second line already.
    const mostMs = utterance.heardMs;
    void utterance.write(counted(200));
    utterance.end();
    await second.play(1_200 - leastMs + 60);
    expect(await utterance.played).toEqual({ heardMs: 1_200, complete: true });
    const all = Buffer.concat([counted(1_000), counted(200)]);
    const rest = second.heard();
    expect(rest.equals(all.subarray(-rest.length))).toBe(true);
    const goneOnMs = 1_200 - rest.length / 16;
    expect(goneOnMs).toBeGreaterThanOrEqual(leastMs);
    expect(goneOnMs).toBeLessThanOrEqual(mostMs);
    expect(leg.speaking).toBe(false);
  });

  test('a pause holds on the new leg too', async () => {
    const { leg, line } = await healing(openLine);
    const first = await line(1);
    const utterance = leg.speak();
    void utterance.write(counted(400));
    utterance.end();
    await first.play(200);
    leg.pause();
    const { heardMs } = utterance;
    first.hangUp();
    const second = await line(2);
    await second.play(300);
    expect(second.heard().length).toBe(0);
    leg.resume();
    await second.play(400 - heardMs + 60);
    expect(await utterance.played).toEqual({ heardMs: 400, complete: true });
  });

  test('after a longer gap what was begun is settled as heard, and what was not begun is said', async () => {
    const gap = Promise.withResolvers<void>();
    const { leg, line } = await healing(openLine, () => gap.promise);
    const first = await line(1);
    const [begun, next] = [leg.speak(), leg.speak()];
    void begun.write(counted(1_000));
    begun.end();
    void next.write(counted(300));
    await first.play(400);
    first.hangUp();
    const { heardMs, complete } = await begun.played;
    expect(complete).toBe(false);
    expect(heardMs).toBeGreaterThanOrEqual(400);
    expect(heardMs).toBeLessThanOrEqual(500);
    // Said while there is no leg: it comes after what waits already, and its writer waits too.
    const last = leg.speak();
    let taken = false;
    const writing = last.write(counted(100)).then(() => {
      taken = true;
    });
    next.end();
    last.end();
    expect(leg.speaking).toBe(true);
    expect(taken).toBe(false);
    gap.resolve();
    const second = await line(2);
    await writing;
    await second.play(460);
    expect(await next.played).toEqual({ heardMs: 300, complete: true });
    expect(await last.played).toEqual({ heardMs: 100, complete: true });
    expect(second.heard().equals(Buffer.concat([counted(300), counted(100)]))).toBe(true);
  });

  test('what is flushed while there is no leg is not said later', async () => {
    const gap = Promise.withResolvers<void>();
    const { leg, line, reopen } = await healing(openLine, () => gap.promise);
    const first = await line(1);
    const [begun, next] = [leg.speak(), leg.speak()];
    void begun.write(counted(1_000));
    void next.write(counted(300));
    await first.play(100);
    first.hangUp();
    await vi.waitFor(() => expect(reopen).toHaveBeenCalled());
    leg.flush();
    expect(await begun.played).toMatchObject({ complete: false });
    expect(await next.played).toEqual({ heardMs: 0, complete: false });
    expect(leg.speaking).toBe(false);
    gap.resolve();
    const second = await line(2);
    void leg.speak().write(counted(40));
    await second.play(60);
    expect(second.heard().equals(counted(40))).toBe(true);
  });

  test('hears the callee on the new leg with the listeners of the old', async () => {
    const { leg, line } = await healing(openLine);
    const frames: Buffer[] = [];
    leg.onFrame((frame) => frames.push(frame));
    (await line(1)).hangUp();
    (await line(2)).say(counted(20));
    await vi.waitFor(() => expect(frames.length).toBe(1), { timeout: 5_000 });
  });

  test('a leg that dies over and over is given up', async () => {
    const { leg, line, reopen } = await healing(openLine);
    for (let n = 1; n <= 6; n++) (await line(n)).hangUp();
    expect(await leg.closed).toMatchObject({ error: { code: 'media-closed' } });
    expect(reopen).toHaveBeenCalledTimes(5);
  });

  test('is tried again when the first new leg can not be had', async () => {
    let tries = 0;
    const { line } = await healing(openLine, async () => {
      if (++tries < 3) throw new Error('Asterisk is busy');
    });
    (await line(1)).hangUp();
    await line(2);
    expect(tries).toBe(3);
  });

  test('an error of our own code is not cured by a new leg', async () => {
    const { leg, line, reopen } = await healing(openLine);
    leg.onFrame(() => {
      throw new Error('broken listener');
    });
    (await line(1)).say(counted(20));
    expect(await leg.closed).toMatchObject({ error: { code: 'media-listener' } });
    expect(reopen).not.toHaveBeenCalled();
  });

  test('when the call ends meanwhile, a leg that still comes is closed at once', async () => {
    const gap = Promise.withResolvers<void>();
    const { leg, line, call, reopen, logger } = await healing(openLine, () => gap.promise);
    const utterance = leg.speak();
    void utterance.write(counted(1_000));
    (await line(1)).hangUp();
    await vi.waitFor(() => expect(reopen).toHaveBeenCalled());
    call.abort();
    expect(await leg.closed).toEqual({});
    expect((await utterance.played).complete).toBe(false);
    gap.resolve();
    await leg.close();
    const late = await reopen.mock.results[0]?.value;
    expect(await late?.closed).toEqual({});
    expect(logger.info).not.toHaveBeenCalled();
  });
});
