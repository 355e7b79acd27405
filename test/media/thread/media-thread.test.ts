import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test, vi } from 'vitest';
import { UserError } from '../../../src/errors.ts';
import { createHealingLeg } from '../../../src/media/healing-leg.ts';
import type { SpeechChange } from '../../../src/media/media-leg.ts';
import { speak } from '../../../src/sandbox/voice/voice.ts';
import { counted, RATE } from '../far-ends.ts';
import { type ScriptedAsterisk, startScriptedAsterisk } from '../scripted-asterisk.ts';
import { connectPeer } from '../scripted-audiosocket.ts';
import { startDrivenThread } from './driven-thread.ts';

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.close();
});

const WANTED = { channelId: 'em', sampleRate: RATE, connectTimeoutMs: 20_000 };
/** Threads that load, on a machine that may have better to do. */
const patiently = { timeout: 40_000, interval: 50 };
const until = (condition: () => boolean) => vi.waitFor(() => expect(condition()).toBe(true), { ...patiently, interval: 5 });
vi.setConfig({ testTimeout: 90_000 });
afterAll(() => vi.resetConfig());

function start(options: Parameters<typeof startDrivenThread>[0] = {}) {
  const logger = { warn: vi.fn(), error: vi.fn() };
  const driven = startDrivenThread({ logger, ...options });
  opened.push(driven);
  async function overWebsocket() {
    const asterisk = await startScriptedAsterisk();
    opened.push(asterisk);
    return { asterisk, leg: await driven.thread.connectLeg({ mediaUrl: asterisk.url, ...WANTED }) };
  }
  async function overAudioSocket(server: Awaited<ReturnType<typeof driven.thread.listen>>) {
    const id = randomUUID();
    const coming = server.expectLeg({ id, ...WANTED });
    // Where nobody listens yet, nobody waits for it any more.
    coming.catch(() => {});
    const peer = await connectPeer(server.port);
    opened.push(peer);
    peer.sayId(id);
    return { peer, leg: await coming };
  }
  const listen = () => driven.thread.listen({ host: '127.0.0.1', port: 0, sampleRate: RATE });
  return { ...driven, logger, overWebsocket, overAudioSocket, listen };
}

/** Nothing else of this thread runs meanwhile. */
function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

async function scratch(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'media-thread-'));
  opened.push({ close: () => rm(folder, { recursive: true }) });
  return folder;
}

/** The callee's channel of a stereo recording, without silence. */
async function recordedCallee(path: string): Promise<number[]> {
  const stereo = (await readFile(path)).subarray(44);
  return Array.from({ length: stereo.length / 4 }, (_, i) => stereo.readInt16LE(i * 4 + 2)).filter((sample) => sample !== 0);
}

test('a thread that dies takes its legs with it, says why, and is there again, for AudioSocket on the same port', async () => {
  const { order, logger, overWebsocket, overAudioSocket, listen } = start();
  const server = await listen();
  const [first, second] = [await overWebsocket(), await overAudioSocket(server)];
  const utterance = first.leg.speak();
  const writing = utterance.write(counted(20_000));
  order({ kind: 'throw' });
  for (const { leg } of [first, second]) {
    const { error } = await leg.closed;
    expect(error).toMatchObject({ code: 'media-lost', category: 'transient', message: expect.stringContaining('thrown by the test') });
  }
  expect(await utterance.played).toMatchObject({ complete: false });
  await writing;
  expect(await first.leg.speak().played).toEqual({ heardMs: 0, complete: false });
  await first.leg.close();
  expect(server.legs).toBe(0);
  expect(logger.error).toHaveBeenCalledWith(expect.objectContaining({ legs: 2 }), expect.stringContaining('died'));
  await vi.waitFor(async () => expect((await overWebsocket()).leg.speaking).toBe(false), patiently);
  const again = await vi.waitFor(() => overAudioSocket(server), patiently);
  expect(server.legs).toBe(1);
  await again.leg.close();
  expect(await again.leg.closed).toEqual({});
});

test('a thread that dies of its first breath is not started over and over at once; who asks for a leg meanwhile is told', async () => {
  const { thread, logger } = start({ entry: new URL('./not-there.ts', import.meta.url) });
  await until(() => logger.error.mock.calls.length === 1);
  await expect(thread.connectLeg({ mediaUrl: 'ws://127.0.0.1:1/media/s3cret', ...WANTED })).rejects.toMatchObject({ code: 'media-lost' });
  expect(logger.error).toHaveBeenCalledTimes(1);
  await thread.close();
});

test('a call outlives the thread: its leg is replaced by one in the next thread', async () => {
  const { order, overWebsocket } = start();
  const logger = { info: vi.fn(), warn: vi.fn() };
  const asterisks: ScriptedAsterisk[] = [];
  const open = async () => {
    const { leg, asterisk } = await overWebsocket();
    asterisks.push(asterisk);
    return leg;
  };
  const leg = createHealingLeg({ first: await open(), reopen: open, logger, signal: new AbortController().signal });
  leg.pauseOnSpeech(true);
  order({ kind: 'throw' });
  await until(() => asterisks.length === 2 && logger.info.mock.calls.length === 1);
  void leg.speak().write(counted(2_000));
  await until(() => asterisks[1]?.queuedMs() === 2_000);
  // What it was told before the thread died holds on the new leg too.
  const voice = speak('Wait, please.', RATE);
  for (let at = 0; at < 400 * 16; at += 320) asterisks[1]?.send(voice.subarray(at, at + 320));
  await until(() => asterisks[1]?.received.includes('PAUSE_MEDIA') ?? false);
  await leg.close();
});

test('a thread that takes long to load is waited for: it is not stuck', async () => {
  const entry = new URL('../../../src/media/thread/entry.ts', import.meta.url).href;
  const code = `Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_500); await import(${JSON.stringify(entry)});`;
  const { overWebsocket, logger } = start({ pingEveryMs: 200, entry: new URL(`data:text/javascript,${encodeURIComponent(code)}`) });
  expect((await overWebsocket()).leg.speaking).toBe(false);
  expect(logger.error).not.toHaveBeenCalled();
});

test('a thread that hangs is ended and replaced', async () => {
  const { order, overWebsocket } = start({ pingEveryMs: 300 });
  const { leg } = await overWebsocket();
  order({ kind: 'hang' });
  expect(await leg.closed).toMatchObject({ error: { code: 'media-lost', message: expect.stringContaining('no sign of life') } });
});

test('a main thread that is busy costs the recording nothing, and speech-to-text gets every frame later', async () => {
  const { thread, overAudioSocket, listen } = start();
  const path = join(await scratch(), 'call.wav');
  const { leg, peer } = await overAudioSocket(await listen());
  const recording = thread.record(path, RATE);
  recording.tape(leg);
  const frames: Buffer[] = [];
  leg.onFrame((frame) => frames.push(frame));
  // Two seconds of the callee's, which a busy loop would drop half of.
  for (let i = 0; i < 20; i++) {
    peer.send(0x10, counted(100));
    await new Promise((resolve) => setTimeout(resolve, 5));
    block(60);
  }
  await until(() => frames.length >= 100);
  await until(() => leg.closed !== undefined);
  await leg.close();
  expect(await recording.close()).toMatchObject({ durationMs: expect.any(Number) });
  expect((await recordedCallee(path)).length).toBe(2_000 * 8);
});

test('the frame in which the callee begins to speak pauses us, although the main thread is too busy to notice', async () => {
  const { overWebsocket, tick } = start();
  const { leg, asterisk } = await overWebsocket();
  const changes: SpeechChange[] = [];
  leg.onFrame((_frame, speech) => speech && changes.push(speech));
  void leg.speak().write(counted(5_000));
  leg.pauseOnSpeech(true);
  await tick(0);
  await until(() => asterisk.received.length > 2);
  const voice = speak('Wait, please.', RATE);
  for (let at = 0; at < 800 * 16; at += 320) asterisk.send(voice.subarray(at, at + 320));
  const sentAt = performance.now();
  block(1_000);
  const freeAt = performance.now();
  await until(() => changes.length > 0);
  expect(changes[0]).toMatchObject({ change: 'speech-start', paused: true });
  expect(changes[0]?.at).toBeGreaterThanOrEqual(sentAt - 1);
  // Noticed while we were busy.
  expect(changes[0]?.at).toBeLessThan(freeAt);
  // Not asked for by us.
  await until(() => asterisk.received.includes('PAUSE_MEDIA'));
  leg.resume();
  await until(() => asterisk.received.includes('CONTINUE_MEDIA'));
  leg.pauseOnSpeech(false);
});

test('a recording is gone on with by the next thread, in the same file and on the same time line', async () => {
  const { thread, order, overWebsocket } = start();
  const path = join(await scratch(), 'folder', 'call.wav');
  const recording = thread.record(path, RATE);
  const first = await overWebsocket();
  recording.tape(first.leg);
  const heard = new Promise<void>((resolve) => first.leg.onFrame(() => resolve()));
  first.asterisk.send(counted(20));
  await heard;
  const beganAt = performance.now();
  order({ kind: 'throw' });
  await first.leg.closed;
  const { leg, asterisk } = await vi.waitFor(overWebsocket, patiently);
  recording.tape(leg);
  const again = new Promise<void>((resolve) => leg.onFrame(() => resolve()));
  asterisk.send(counted(40));
  await again;
  const afterMs = performance.now() - beganAt;
  await leg.close();
  const { durationMs, error } = await recording.close();
  expect(error).toBeUndefined();
  expect(Math.abs(durationMs - afterMs)).toBeLessThan(500);
  // What lay in the dead thread's memory is gone, what was heard since is there.
  expect((await recordedCallee(path)).slice(-40 * 8)).toEqual(Array.from({ length: 40 * 8 }, (_, i) => i + 1));
  await thread.close();
  expect(await thread.record(path, RATE).close()).toMatchObject({ error: expect.any(Error) });
});

test('a disk that takes nothing is told when the recording is closed, and costs the call nothing', async () => {
  const { thread, overWebsocket } = start();
  const { leg, asterisk } = await overWebsocket();
  const recording = thread.record('/dev/null/no-folder/call.wav', RATE);
  recording.tape(leg);
  const heard = new Promise<void>((resolve) => leg.onFrame(() => resolve()));
  asterisk.send(counted(20));
  await heard;
  const { error } = await recording.close();
  expect(error?.message).toContain('/dev/null/no-folder/call.wav');
  await leg.close();
  expect(await leg.closed).toEqual({});
});

test('a port that is taken is told as to a human; nobody is let in by a UUID that no call waits for', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  const { thread, logger, listen } = start();
  await expect(thread.listen({ host: '127.0.0.1', port, sampleRate: RATE })).rejects.toThrow(UserError);
  taken.close();
  const server = await listen();
  const stranger = await connectPeer(server.port);
  stranger.sayId(randomUUID());
  await stranger.closed;
  await until(() => logger.warn.mock.calls.length === 1);
  expect(logger.warn.mock.calls[0]?.[1]).toMatch('refused');
});

test('what Asterisk refuses has its status on this side too; what is called off has the reason of whoever did', async () => {
  const { thread } = start();
  const mute = await startScriptedAsterisk({ greeting: null });
  opened.push(mute);
  const call = new AbortController();
  const connecting = thread.connectLeg({ mediaUrl: mute.url, signal: call.signal, ...WANTED });
  await until(() => mute.protocols.length === 1);
  call.abort(new Error('callee hung up'));
  await expect(connecting).rejects.toThrow('callee hung up');
  await expect(thread.connectLeg({ mediaUrl: mute.url, ...WANTED, connectTimeoutMs: 30 })).rejects.toMatchObject({
    code: 'media-timeout',
    service: 'asterisk',
    category: 'transient',
  });
});

test('closing ends every leg and says goodbye to Asterisk; what is asked for later is refused', async () => {
  const { thread, overWebsocket, overAudioSocket, listen, logger } = start();
  const { peer, leg } = await overAudioSocket(await listen());
  const { leg: other, asterisk } = await overWebsocket();
  const gone = once(asterisk.socket(), 'close');
  await Promise.all([thread.close(), thread.close()]);
  await Promise.all([peer.closed, leg.closed, other.closed, gone]);
  expect(peer.received.at(-1)).toMatchObject({ kind: 0x00 });
  await expect(thread.connectLeg({ mediaUrl: asterisk.url, ...WANTED })).rejects.toMatchObject({ code: 'media-lost' });
  expect(logger.error).not.toHaveBeenCalled();
});
