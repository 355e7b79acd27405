import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { expect, vi } from 'vitest';
import { startAudioSocketServer } from '../../src/media/audiosocket-server.ts';
import { createHearingLeg } from '../../src/media/hearing-leg.ts';
import type { AudioLeg, MediaLeg } from '../../src/media/media-leg.ts';
import { createEnergySpeechDetector } from '../../src/media/speech-detector-energy.ts';
import { connectWebsocketLeg } from '../../src/media/websocket-leg.ts';
import { startScriptedAsterisk } from './scripted-asterisk.ts';
import { connectPeer, createManualPacer } from './scripted-audiosocket.ts';
import { startDrivenThread } from './thread/driven-thread.ts';

export const RATE = 8_000;
/** A leg speaks to its far end in steps of at most this. */
const STEP_MS = 100;

/** A leg and what is at its other end. Time passes for the callee only when the test says so. */
export interface Line {
  leg: MediaLeg;
  /** The callee hears so many milliseconds. */
  play(ms: number): Promise<void>;
  /** All that the callee heard, without silence. */
  heard(): Buffer;
  /** Audio of the callee, in one message. */
  say(pcm: Buffer): void;
  /** What no leg should mind. */
  sendJunk(): void;
  /** Asterisk ends the leg. */
  hangUp(): void;
  /** From now on the far end reads nothing. */
  stopReading(): void;
  close(): Promise<void>;
}

export type OpenLine = (signal?: AbortSignal) => Promise<Line>;

/** How a leg is had: made here, or in the media thread. */
interface Legs {
  connect(mediaUrl: string, signal: AbortSignal | undefined): Promise<MediaLeg>;
  /** A port for AudioSocket, whose time passes by `tick`. */
  listen(): Promise<{ port: number; expect(id: string, signal: AbortSignal | undefined): Promise<MediaLeg> }>;
  /** So many frames of AudioSocket pass. What was to be told of it, or of anything else, has been. */
  tick(frames: number): Promise<void>;
  close(): Promise<void>;
}

const WANTED = { channelId: 'em', sampleRate: RATE, connectTimeoutMs: 5_000 };

const hearing = (leg: AudioLeg) => createHearingLeg(leg, createEnergySpeechDetector({ sampleRate: RATE }));

function legsHere(): Legs {
  const pacer = createManualPacer();
  let close = async () => {};
  return {
    connect: async (mediaUrl, signal) => hearing(await connectWebsocketLeg({ mediaUrl, signal, ...WANTED })),
    async listen() {
      const server = await startAudioSocketServer({
        ...{ host: '127.0.0.1', port: 0, sampleRate: RATE, pacer },
        logger: { warn() {}, error() {} },
      });
      close = server.close;
      return { port: server.port, expect: async (id, signal) => hearing(await server.expectLeg({ id, signal, ...WANTED })) };
    },
    tick: async (frames) => pacer.tick(frames),
    close: () => close(),
  };
}

function legsInThread(): Legs {
  const { thread, tick, close } = startDrivenThread();
  return {
    connect: (mediaUrl, signal) => thread.connectLeg({ mediaUrl, signal, ...WANTED }),
    async listen() {
      const { port, expectLeg } = await thread.listen({ host: '127.0.0.1', port: 0, sampleRate: RATE });
      return { port, expect: (id, signal) => expectLeg({ id, signal, ...WANTED }) };
    },
    tick,
    close,
  };
}

async function overWebsocket(legs: Legs, signal?: AbortSignal): Promise<Line> {
  const server = await startScriptedAsterisk();
  const leg = await legs.connect(server.url, signal);
  const roundTrip = async () => {
    await legs.tick(0);
    const pong = once(server.socket(), 'pong');
    server.socket().ping();
    await pong;
    await legs.tick(0);
  };
  return {
    leg,
    async play(ms) {
      await roundTrip();
      for (let left = ms; left > 0; left -= STEP_MS) {
        server.play(Math.min(left, STEP_MS));
        await roundTrip();
      }
    },
    heard: server.played,
    say: server.send,
    sendJunk() {
      for (const junk of ['', '{', 'null', '[]', '{"event":7}', 'MEDIA_MARK_PROCESSED', '{"event":"__proto__"}', 'x'.repeat(60_000)])
        server.send(junk);
      server.send(Buffer.alloc(0));
      server.send(Buffer.alloc(321, 1));
    },
    hangUp: () => server.socket().close(1000),
    stopReading: () => void server.socket().pause(),
    async close() {
      await leg.close();
      await server.close();
      await legs.close();
    },
  };
}

async function overAudioSocket(legs: Legs, signal?: AbortSignal): Promise<Line> {
  const server = await legs.listen();
  const id = randomUUID();
  const [leg, peer] = await Promise.all([
    server.expect(id, signal),
    connectPeer(server.port).then((connected) => {
      connected.sayId(id);
      return connected;
    }),
  ]);
  let sent = 1;
  return {
    leg,
    async play(ms) {
      await legs.tick(0);
      for (let left = ms / 20; left > 0; left -= STEP_MS / 20) {
        const frames = Math.min(left, STEP_MS / 20);
        await legs.tick(frames);
        sent += frames;
        await vi.waitFor(() => expect(peer.received.length).toBeGreaterThanOrEqual(sent), { timeout: 5_000, interval: 1 });
      }
    },
    heard: peer.heard,
    say: (pcm) => peer.send(0x10, pcm),
    sendJunk() {
      // A second UUID, a key, unknown kinds, audio of no length and of half a sample.
      peer.sayId(randomUUID());
      peer.send(0x03, Buffer.from('5'));
      for (const kind of [0x02, 0x42, 0xfe]) peer.send(kind, Buffer.alloc(300, kind));
      peer.send(0x10);
      peer.send(0x10, Buffer.alloc(321, 1));
    },
    hangUp: () => peer.send(0x00),
    stopReading: () => void peer.socket.pause(),
    async close() {
      await leg.close();
      await peer.close();
      await legs.close();
    },
  };
}

/** Both kinds, in the very thread of the test. */
export const LINES = [
  ['websocket', (signal) => overWebsocket(legsHere(), signal)],
  ['audiosocket', (signal) => overAudioSocket(legsHere(), signal)],
] as const satisfies readonly (readonly [string, OpenLine])[];

/** Both kinds as calls have them. */
export const LINES_IN_THREAD = [
  ['websocket, in the media thread', (signal) => overWebsocket(legsInThread(), signal)],
  ['audiosocket, in the media thread', (signal) => overAudioSocket(legsInThread(), signal)],
] as const satisfies readonly (readonly [string, OpenLine])[];

/** PCM in which every sample is its own number, so that a lost or doubled byte shows; none is silence. */
export function counted(ms: number): Buffer {
  const pcm = Buffer.alloc(ms * 16);
  for (let i = 0; i < pcm.length / 2; i++) pcm.writeInt16LE((i % 30_000) + 1, i * 2);
  return pcm;
}
