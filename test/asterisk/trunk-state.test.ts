import { createSocket } from 'node:dgram';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type RealAsterisk, startRealAsterisk } from '../../src/sandbox/real-asterisk.ts';
import { type AriConnection, createAriConnection } from '../../src/telephony/ari-connection.ts';
import { unansweredMeaning } from '../../src/telephony/hangup-causes.ts';
import { createDialler } from '../../src/telephony/two-step-dialler.ts';
import { dataDir } from './prepared.ts';

const logger = { info: vi.fn(), warn: vi.fn(), error: vi.fn() };
const patiently = { timeout: 15_000 };
let asterisk: RealAsterisk;
let connection: AriConnection;
let calls = 0;

beforeAll(async () => {
  asterisk = await startRealAsterisk({ dataDir });
  connection = createAriConnection({ ...asterisk, url: asterisk.ariUrl, app: 'trunk-state', logger });
  await connection.waitUntilConnected(AbortSignal.timeout(10_000));
});
afterAll(async () => {
  await connection?.close();
  await asterisk?.stop();
});

const dial = () =>
  createDialler(connection, { logger }).dial({
    ...{ channelId: `trunk-${++calls}.1`, endpoint: 'PJSIP/+12025550100@trunk', callerId: '+12025550199', answerTimeoutMs: 2_000 },
    ...{ mark: async () => true, onProgress: () => {}, signal: new AbortController().signal },
  });

/** Every second Asterisk asks the carrier for a sign of life, as `qualify_frequency` has it. */
async function qualify(): Promise<void> {
  const file = join(asterisk.home, 'etc/pjsip.conf');
  const aor = /(\[trunk\]\ntype = aor\n)/;
  const text = await readFile(file, 'utf8');
  expect(text).toMatch(aor);
  await writeFile(file, text.replace(aor, '$1qualify_frequency = 1\nqualify_timeout = 0.5\n'));
  const authorization = `Basic ${Buffer.from(`${asterisk.username}:${asterisk.password}`).toString('base64')}`;
  const reloaded = await fetch(`${asterisk.ariUrl}/ari/asterisk/modules/res_pjsip.so`, { method: 'PUT', headers: { authorization } });
  expect(reloaded.status).toBe(204);
}

/** A carrier that answers the question whether it is there, and nothing else. */
function startCarrier(): { stop(): void } {
  const socket = createSocket('udp4');
  socket.on('message', (message, { port, address }) => {
    const [first = '', ...lines] = message.toString().split('\r\n');
    if (!first.startsWith('OPTIONS')) return;
    const kept = lines
      .filter((line) => /^(Via|From|To|Call-ID|CSeq):/i.test(line))
      .map((line) => line.replace(/^(To:.*)$/i, '$1;tag=here'));
    socket.send(['SIP/2.0 200 OK', ...kept, 'Content-Length: 0', '', ''].join('\r\n'), port, address);
  });
  socket.bind(asterisk.trunkPort, '127.0.0.1');
  return { stop: () => socket.close() };
}

test('a carrier that gives no sign of life, where Asterisk does not look after it, is told from somebody who does not pick up', async () => {
  expect(await connection.endpointState('PJSIP', 'trunk')).toBe('online');
  const result = await dial();
  if (result.kind !== 'unanswered') throw new Error(`expected nobody to answer, got ${result.kind}`);
  expect(result.end).toMatchObject({ cause: 19, farEnd: 'silent' });
  expect(unansweredMeaning(result.end)).toMatchObject({ disposition: 'congestion', trunkFault: true });
});

test('a carrier that does not answer Asterisk’s check is offline: nothing is sent, and it is no fault of the dial string', async () => {
  await qualify();
  await expect.poll(() => connection.endpointState('PJSIP', 'trunk'), patiently).toBe('offline');
  // Until the first question has gone unanswered a call may still be tried.
  await expect.poll(dial, patiently).toMatchObject({ kind: 'not-sent', error: { code: 'trunk-offline', category: 'transient' } });
  const carrier = startCarrier();
  await expect.poll(() => connection.endpointState('PJSIP', 'trunk'), patiently).toBe('online');
  carrier.stop();
  await expect.poll(() => connection.endpointState('PJSIP', 'trunk'), patiently).toBe('offline');
  expect(await connection.endpointState('PJSIP', 'nowhere')).toBeUndefined();
});
