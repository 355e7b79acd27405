import { randomUUID } from 'node:crypto';
import { startAudioSocketServer } from '../src/media/audiosocket-server.ts';
import { createHearingLeg } from '../src/media/hearing-leg.ts';
import type { AudioLeg, MediaLeg } from '../src/media/media-leg.ts';
import { createEnergySpeechDetector } from '../src/media/speech-detector-energy.ts';
import { startMediaThread } from '../src/media/thread/media-thread.ts';
import { connectWebsocketLeg } from '../src/media/websocket-leg.ts';
import type { FarEndOrder } from './media-far-ends.ts';

const WANTED = { channelId: 'bench', sampleRate: 16_000, connectTimeoutMs: 10_000 };
const HERE = { host: '127.0.0.1', port: 0, sampleRate: 16_000 };
const logger = { warn: console.warn, error: console.error };

export interface LegMaker {
  open(kind: 'audiosocket' | 'websocket', calls: number, ask: (order: FarEndOrder) => Promise<unknown>): Promise<MediaLeg[]>;
  close(): Promise<void>;
}

interface Maker {
  connect(mediaUrl: string): Promise<MediaLeg>;
  listen(): Promise<{ port: number; expect(id: string): Promise<MediaLeg> }>;
  close(): Promise<void>;
}

const opening = (maker: Maker): LegMaker => ({
  async open(kind, calls, ask) {
    if (kind === 'websocket') {
      const url = (await ask({ kind: 'serve' })) as string;
      return Promise.all(Array.from({ length: calls }, () => maker.connect(url)));
    }
    const server = await maker.listen();
    const ids = Array.from({ length: calls }, () => randomUUID());
    const coming = ids.map((id) => server.expect(id));
    await ask({ kind: 'connect', port: server.port, ids });
    return Promise.all(coming);
  },
  close: maker.close,
});

/** As it was before there was a media thread. */
export function legsInMainThread(): LegMaker {
  const legs: AudioLeg[] = [];
  let closeServer = async () => {};
  const hearing = (leg: AudioLeg) => {
    legs.push(leg);
    return createHearingLeg(leg, createEnergySpeechDetector({ sampleRate: WANTED.sampleRate }));
  };
  return opening({
    connect: async (mediaUrl) => hearing(await connectWebsocketLeg({ mediaUrl, ...WANTED })),
    async listen() {
      const server = await startAudioSocketServer({ ...HERE, logger });
      closeServer = server.close;
      return { port: server.port, expect: async (id) => hearing(await server.expectLeg({ id, ...WANTED })) };
    },
    async close() {
      await Promise.all(legs.map((leg) => leg.close()));
      await closeServer();
    },
  });
}

export function legsInMediaThread(): LegMaker {
  const thread = startMediaThread({ logger });
  return opening({
    connect: (mediaUrl) => thread.connectLeg({ mediaUrl, ...WANTED }),
    async listen() {
      const { port, expectLeg } = await thread.listen(HERE);
      return { port, expect: (id) => expectLeg({ id, ...WANTED }) };
    },
    close: thread.close,
  });
}
