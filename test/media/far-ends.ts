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

async function overWebsocket(signal?: AbortSignal): Promise<Line> {
  const server = await startScriptedAsterisk();
  const leg = await connectWebsocketLeg({ mediaUrl: server.url, channelId: 'em', sampleRate: RATE, connectTimeoutMs: 5_000, signal });
  const roundTrip = async () => {
    const pong = once(server.socket(), 'pong');
    server.socket().ping();
    await pong;
  };
  return {
    leg: hearing(leg),
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
    },
  };
}

async function overAudioSocket(signal?: AbortSignal): Promise<Line> {
  const pacer = createManualPacer();
  const server = await startAudioSocketServer({ host: '127.0.0.1', port: 0, sampleRate: RATE, logger: { warn() {}, error() {} }, pacer });
  const id = randomUUID();
  const [leg, peer] = await Promise.all([
    server.expectLeg({ id, channelId: 'em', connectTimeoutMs: 5_000, signal }),
    connectPeer(server.port).then((connected) => {
      connected.sayId(id);
      return connected;
    }),
  ]);
  let sent = 1;
  return {
    leg: hearing(leg),
    async play(ms) {
      for (let left = ms / 20; left > 0; left -= STEP_MS / 20) {
        const frames = Math.min(left, STEP_MS / 20);
        pacer.tick(frames);
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
      await server.close();
    },
  };
}

export const LINES = [
  ['websocket', overWebsocket],
  ['audiosocket', overAudioSocket],
] as const satisfies readonly (readonly [string, OpenLine])[];

const hearing = (leg: AudioLeg) => createHearingLeg(leg, createEnergySpeechDetector({ sampleRate: RATE }));

/** PCM in which every sample is its own number, so that a lost or doubled byte shows; none is silence. */
export function counted(ms: number): Buffer {
  const pcm = Buffer.alloc(ms * 16);
  for (let i = 0; i < pcm.length / 2; i++) pcm.writeInt16LE((i % 30_000) + 1, i * 2);
  return pcm;
}
