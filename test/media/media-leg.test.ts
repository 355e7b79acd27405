import { getEventListeners } from 'node:events';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { counted, LINES, LINES_IN_THREAD, type Line } from './far-ends.ts';

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.close();
});

const until = (condition: () => boolean) => vi.waitFor(() => expect(condition()).toBe(true), { timeout: 5_000, interval: 5 });

describe.each([...LINES, ...LINES_IN_THREAD])('a media leg by %s', (_, openLine) => {
  async function line(signal?: AbortSignal): Promise<Line> {
    const made = await openLine(signal);
    opened.push(made);
    return made;
  }

  test('an utterance is heard byte for byte, whatever the sizes it was written in, and settles when it was heard to its end', async () => {
    const { leg, play, heard } = await line();
    const reported: Buffer[] = [];
    leg.onPlayed((pcm) => reported.push(pcm));
    const pcm = counted(1_010);
    const utterance = leg.speak();
    for (let at = 0; at < pcm.length; at += 501) await utterance.write(pcm.subarray(at, at + 501));
    utterance.end();
    expect(leg.speaking).toBe(true);
    await play(1_040);
    expect(await utterance.played).toEqual({ heardMs: 1_010, complete: true });
    expect(utterance.heardMs).toBe(1_010);
    expect(leg.speaking).toBe(false);
    const expected = Buffer.concat([pcm, Buffer.alloc(160)]);
    expect(heard().equals(expected)).toBe(true);
    expect(Buffer.concat(reported).equals(expected)).toBe(true);
  });

  test('two utterances follow each other without a gap, and the second waits for the end of the first', async () => {
    const { leg, play, heard } = await line();
    const first = leg.speak();
    const second = leg.speak();
    void second.write(counted(200));
    second.end();
    void first.write(counted(60));
    await play(100);
    expect(heard().length).toBe(60 * 16);
    void first.write(counted(40));
    first.end();
    await play(60);
    expect(await first.played).toEqual({ heardMs: 100, complete: true });
    await play(220);
    expect(await second.played).toEqual({ heardMs: 200, complete: true });
    expect(heard().equals(Buffer.concat([counted(60), counted(40), counted(200)]))).toBe(true);
  });

  test('a writer waits while more than 10 s would be ahead of the ear', async () => {
    const { leg, play } = await line();
    const utterance = leg.speak();
    let roomy = false;
    const written = utterance.write(counted(25_000)).then(() => {
      roomy = true;
    });
    await play(14_800);
    expect(roomy).toBe(false);
    await play(400);
    await written;
    expect(utterance.heardMs).toBeGreaterThanOrEqual(15_000);
  });

  test('a flush drops everything and settles each utterance with what was heard; the leg speaks on afterwards', async () => {
    const { leg, play, heard } = await line();
    const reported: Buffer[] = [];
    leg.onPlayed((pcm) => reported.push(pcm));
    const first = leg.speak();
    void first.write(counted(300));
    first.end();
    const second = leg.speak();
    const writing = second.write(counted(20_000));
    await play(500);
    expect(await first.played).toEqual({ heardMs: 300, complete: true });
    // Told every 100 ms, and with each frame of the callee's.
    expect(second.heardMs).toBeGreaterThanOrEqual(100);
    leg.flush();
    const { heardMs, complete } = await second.played;
    expect(complete).toBe(false);
    // The far end of a websocket reports every 100 ms; in between the clock is believed, up to the next report.
    expect(heardMs).toBeGreaterThanOrEqual(200);
    expect(heardMs).toBeLessThanOrEqual(300);
    expect(Buffer.concat(reported).length).toBe((300 + heardMs) * 16);
    await writing;
    expect(leg.speaking).toBe(false);
    await second.write(counted(100));
    const flushedAt = heard().length;
    const third = leg.speak();
    void third.write(counted(100));
    third.end();
    await play(140);
    expect(await third.played).toEqual({ heardMs: 100, complete: true });
    expect(heard().subarray(flushedAt).equals(counted(100))).toBe(true);
  });

  test('paused, it says nothing and keeps everything, what is written meanwhile too; resumed, it goes on at the same sample', async () => {
    const { leg, play, heard } = await line();
    const utterance = leg.speak();
    void utterance.write(counted(300));
    await play(200);
    leg.pause();
    leg.pause();
    await play(500);
    const heardMs = utterance.heardMs;
    void utterance.write(counted(100));
    utterance.end();
    await play(500);
    expect(heard().length).toBe(200 * 16);
    expect(utterance.heardMs).toBe(heardMs);
    expect(leg.speaking).toBe(true);
    leg.resume();
    leg.resume();
    await play(240);
    expect(await utterance.played).toEqual({ heardMs: 400, complete: true });
    expect(heard().equals(Buffer.concat([counted(300), counted(100)]))).toBe(true);
  });

  test('a flush ends a pause: what is said next is heard', async () => {
    const { leg, play, heard } = await line();
    const first = leg.speak();
    void first.write(counted(300));
    await play(100);
    leg.pause();
    leg.flush();
    expect(await first.played).toMatchObject({ complete: false });
    const second = leg.speak();
    void second.write(counted(40));
    second.end();
    await play(80);
    expect(await second.played).toEqual({ heardMs: 40, complete: true });
    expect(heard().length).toBe(140 * 16);
  });

  test('an utterance without a sound is complete at once, or after those before it', async () => {
    const { leg, play } = await line();
    const empty = leg.speak();
    empty.end();
    expect(await empty.played).toEqual({ heardMs: 0, complete: true });
    const order: string[] = [];
    const first = leg.speak();
    const second = leg.speak();
    second.end();
    void first.write(counted(40));
    first.end();
    void first.played.then(() => order.push('first'));
    void second.played.then(() => order.push('second'));
    await play(80);
    await second.played;
    expect(order).toEqual(['first', 'second']);
  });

  test('the callee comes in frames of exactly 20 ms, whatever the sizes Asterisk sends', async () => {
    const { leg, say } = await line();
    const frames: Buffer[] = [];
    const stop = leg.onFrame((frame) => frames.push(frame));
    const later: Buffer[] = [];
    const pcm = counted(200);
    for (const [from, to] of [
      [0, 2],
      [2, 322],
      [322, 1_000],
      [1_000, 3_200],
    ] as const)
      say(pcm.subarray(from, to));
    await until(() => frames.length >= 10);
    stop();
    const heard = frames.splice(0);
    expect(heard.every((frame) => frame.length === 320)).toBe(true);
    expect(Buffer.concat(heard).subarray(0, pcm.length).equals(pcm)).toBe(true);
    leg.onFrame((frame) => later.push(frame));
    say(counted(20));
    await until(() => later.length >= 1);
    expect(frames).toEqual([]);
  });

  test('after a stall the newest second is kept and what is older is dropped', async () => {
    const { leg, say } = await line();
    const frames: number[] = [];
    leg.onFrame((frame) => frames.push(frame.readInt16LE(0)));
    // One message of 1.9 s is one stall, however the kernel cuts it.
    const pcm = Buffer.alloc(95 * 320);
    for (let i = 0; i < 95; i++) pcm.writeInt16LE(i, i * 320);
    say(pcm);
    await until(() => frames.at(-1) === 94);
    expect(frames).toEqual(Array.from({ length: 50 }, (_unused, i) => i + 45));
  });

  test('a peer that sends much faster than real time is cut down to it', async () => {
    const { leg, say } = await line();
    let frames = 0;
    let last = 0;
    leg.onFrame((frame) => {
      frames += 1;
      last = frame.readInt16LE(0);
    });
    const began = performance.now();
    for (let i = 1; i <= 200; i++) {
      // 100 ms each: 20 s of audio.
      const pcm = Buffer.alloc(1_600);
      pcm.writeInt16LE(i, 1_280);
      say(pcm);
      await new Promise((resolve) => setImmediate(resolve));
    }
    say(Buffer.alloc(320, 99));
    await vi.waitFor(
      () => {
        // Something is let through again as time passes.
        say(Buffer.alloc(320, 99));
        expect(last).toBe(Buffer.alloc(2, 99).readInt16LE(0));
      },
      { timeout: 5_000, interval: 20 },
    );
    expect(frames).toBeLessThanOrEqual(50 + ((performance.now() - began) / 20) * 1.1 + 1);
  });

  test('Asterisk ends the leg: closed says why, and what was unsaid is settled', async () => {
    const { leg, play, hangUp } = await line();
    const utterance = leg.speak();
    const writing = utterance.write(counted(20_000));
    await play(100);
    hangUp();
    expect(await leg.closed).toMatchObject({ error: { code: 'media-closed', category: 'transient' } });
    expect(await utterance.played).toMatchObject({ complete: false });
    await writing;
    expect(await leg.speak().played).toEqual({ heardMs: 0, complete: false });
    leg.flush();
    await leg.close();
  });

  test('junk is ignored and the call goes on', async () => {
    const { leg, say, sendJunk, play, heard } = await line();
    const frames: Buffer[] = [];
    leg.onFrame((frame) => frames.push(frame));
    sendJunk();
    say(counted(20));
    await until(() => frames.length >= 1);
    expect(frames[0]?.equals(counted(20))).toBe(true);
    void leg.speak().write(counted(40));
    await play(60);
    expect(heard().equals(counted(40))).toBe(true);
  });

  test('a listener that throws ends its own leg, not the process', async () => {
    const { leg, say } = await line();
    leg.onFrame(() => {
      throw new Error('broken listener');
    });
    say(counted(20));
    const { error } = await leg.closed;
    expect(error).toMatchObject({ code: 'media-listener', cause: { message: 'broken listener' } });
  });

  test('closing a leg whose far side never says goodbye still ends, without an error', async () => {
    const { leg, stopReading } = await line();
    stopReading();
    await leg.close();
    expect(await leg.closed).toEqual({});
  });

  test("the call's end closes the leg, without an error, and it holds on to nothing of its call", async () => {
    const controller = new AbortController();
    const { leg } = await line(controller.signal);
    expect(getEventListeners(controller.signal, 'abort').length).toBe(1);
    const utterance = leg.speak();
    void utterance.write(counted(100));
    controller.abort();
    expect(await leg.closed).toEqual({});
    expect(await utterance.played).toMatchObject({ complete: false });
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    const other = new AbortController();
    const closed = await line(other.signal);
    await closed.leg.close();
    await closed.leg.close();
    expect(getEventListeners(other.signal, 'abort')).toEqual([]);
  });
});
