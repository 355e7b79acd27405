import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type AsteriskSandbox, startAsteriskSandbox } from '../src/sandbox/asterisk/asterisk-sandbox.ts';
import { freePort } from '../src/sandbox/free-port.ts';
import { loadPeople } from '../src/sandbox/people/people.ts';
import { createAriConnection } from '../src/telephony/ari-connection.ts';
import { type MediaParts, startMedia } from '../src/wire-media.ts';
import { MEDIA_KINDS } from './media/answered-line.ts';
import { placeCall, tellOfReplacement } from './media/replaced-leg.ts';

const people = loadPeople();
const endpoint = `PJSIP/${people.byRole('answers-and-confirms').number}@trunk`;
const opened: { close(): Promise<void> }[] = [];

async function sandbox(options: { version?: string; modules?: readonly string[] } = {}): Promise<AsteriskSandbox> {
  const asterisk = await startAsteriskSandbox({ people, ...options });
  opened.push(asterisk);
  return asterisk;
}
afterAll(async () => {
  for (const thing of opened.reverse()) await thing.close();
});

describe.each(MEDIA_KINDS)('a call by %s', (kind) => {
  let asterisk: AsteriskSandbox;
  beforeAll(async () => {
    asterisk = await sandbox();
  });
  const underTest = () => ({ ...asterisk, endpoint, people });
  const kill = async (call: { audio: { leg: { channelId: string } } }) => asterisk.dropMedia(call.audio.leg.channelId);
  tellOfReplacement(underTest, kind, kill);

  test('Asterisk takes no new leg: the call is given up within seconds, with what broke first as the reason', async () => {
    const call = await placeCall(underTest(), kind);
    const utterance = call.audio.leg.speak();
    void utterance.write(Buffer.alloc(32_000, 1));
    asterisk.faults.set({ kind: 'status', status: 500 }, { path: /externalMedia/ });
    await kill(call);
    const { error } = await call.audio.leg.closed;
    asterisk.faults.clear();
    expect(error).toMatchObject({ service: 'asterisk', category: 'transient' });
    expect((await utterance.played).complete).toBe(false);
    expect(await call.audio.leg.speak().played).toEqual({ heardMs: 0, complete: false });
    await call.end();
  });

  test('when the call is over its leg is not opened again, and nothing is left in Asterisk', async () => {
    const call = await placeCall(underTest(), kind);
    const opened = () => asterisk.channels().length;
    await call.end();
    await kill(call);
    expect(opened()).toBe(0);
    expect(asterisk.bridges()).toEqual([]);
    expect(await call.audio.leg.closed).toEqual({});
  });
});

describe('MEDIA=auto', () => {
  test.each([
    ['22.10.1', ['chan_websocket.so', 'chan_audiosocket.so'], 'websocket'],
    ['20.18.0', ['chan_websocket.so'], 'websocket'],
    ['22.6.0', ['chan_websocket.so', 'chan_audiosocket.so'], 'audiosocket'],
    ['20.9.3', ['chan_audiosocket.so'], 'audiosocket'],
    ['22.10.1', ['chan_audiosocket.so'], 'audiosocket'],
    ['21.12.0', ['chan_websocket.so', 'chan_audiosocket.so'], 'audiosocket'],
    ['24.0.0', ['chan_websocket.so'], 'websocket'],
    ['GIT-master-1a2b3c', ['chan_websocket.so'], 'websocket'],
  ])('an Asterisk %s with %j is spoken to by %s', async (version, modules, kind) => {
    const asterisk = await sandbox({ version, modules });
    const { media, log, close } = await start(asterisk);
    expect(log.info).toHaveBeenCalledWith(expect.objectContaining({ media: kind }), expect.any(String));
    expect(media.audioSocket !== undefined).toBe(kind === 'audiosocket');
    await close();
  });

  test('a call goes by AudioSocket where there is no media websocket', async () => {
    const asterisk = await sandbox({ modules: ['chan_audiosocket.so'] });
    const call = await placeCall({ ...asterisk, endpoint, people }, 'auto');
    expect(asterisk.channels().some(({ name }) => name.startsWith('AudioSocket/'))).toBe(true);
    expect(call.media.audioSocket?.legs).toBe(1);
    await call.end();
    expect(call.media.audioSocket?.legs).toBe(0);
  });

  test('an Asterisk that comes back as another one is asked again', async () => {
    const asterisk = await sandbox();
    const { media, log, connection, close } = await start(asterisk);
    asterisk.faults.set({ kind: 'status', status: 404 }, { path: /chan_websocket/ });
    // It is noticed a moment after it happened: until then the connection believes itself to be well.
    const states: string[] = [];
    connection.onState((state) => states.push(state));
    await asterisk.restart();
    await expect.poll(() => states, { timeout: 10_000 }).toEqual(['lost', 'connected']);
    const audio = await media.openAudio(new AbortController().signal, (part) => `test-${part}-`);
    expect(log.info).toHaveBeenCalledWith(expect.objectContaining({ media: 'audiosocket' }), expect.any(String));
    await audio.close();
    await close();
  });
});

describe('where Asterisk connects to', () => {
  test('an address to listen on that nobody can connect to wants another one for Asterisk', async () => {
    const asterisk = await sandbox();
    await expect(start(asterisk, { kind: 'audiosocket', audioSocket: { host: '0.0.0.0', port: 0, advertise: undefined } })).rejects.toThrow(
      /AUDIOSOCKET_HOST is 0\.0\.0\.0.*AUDIOSOCKET_ADVERTISE/,
    );
  });

  test('is told what Asterisk sees, with our port where none is given', async () => {
    const asterisk = await sandbox();
    const port = await freePort();
    for (const advertise of ['localhost', `localhost:${port}`]) {
      const { media, close } = await start(asterisk, { kind: 'audiosocket', audioSocket: { host: '127.0.0.1', port, advertise } });
      const audio = await media.openAudio(new AbortController().signal, (part) => `test-${part}-`);
      expect(asterisk.channels()[0]?.name).toMatch(`AudioSocket/localhost:${port}-`);
      await audio.close();
      await close();
    }
  });
});

async function start(
  asterisk: AsteriskSandbox,
  media: Omit<MediaParts['config']['media'], 'speechDetector'> = {
    kind: 'auto',
    audioSocket: { host: '127.0.0.1', port: 0, advertise: undefined },
  },
) {
  const log = { info: vi.fn(), warn: vi.fn(), error: vi.fn() };
  const connection = createAriConnection({ ...asterisk, app: 'app', logger: log, reconnectDelaysMs: { first: 10, longest: 50 } });
  opened.push(connection);
  await connection.waitUntilConnected(AbortSignal.timeout(10_000));
  const config = { mediaSampleRate: 16_000 as const, media: { ...media, speechDetector: 'energy' as const } };
  const made = await startMedia({ config, asterisk: connection, log });
  return {
    ...{ media: made, log, connection },
    async close() {
      await made.stop();
      await connection.close();
    },
  };
}
