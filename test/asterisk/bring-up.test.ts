import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { askAsterisk } from '../../src/sandbox/ask-asterisk.ts';
import { type Carrier, startCarrier } from '../../src/sandbox/carrier.ts';
import { CARRIER_NUMBERS } from '../../src/sandbox/carrier-scenario.ts';
import { isAlive } from '../../src/sandbox/lock-file.ts';
import { type RealAsterisk, startRealAsterisk } from '../../src/sandbox/real-asterisk.ts';
import { dataDir } from './prepared.ts';

describe('a real Asterisk of our own', () => {
  let asterisk: RealAsterisk;
  let carrier: Carrier;

  beforeAll(async () => {
    asterisk = await startRealAsterisk({ dataDir });
    carrier = await startCarrier(asterisk);
  });
  afterAll(async () => {
    await carrier?.stop();
    await asterisk?.stop();
  });

  const ari = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(`${asterisk.ariUrl}/ari/${path}`, {
      method,
      headers: {
        authorization: `Basic ${btoa(`${asterisk.username}:${asterisk.password}`)}`,
        'content-type': 'application/json',
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return response.status;
  };

  test('answers with its version, and says what is wrong with a wrong password', async () => {
    expect(asterisk.version).toMatch(/^\d+\.\d+/);
    const { ariUrl: url, username } = asterisk;
    expect(await askAsterisk({ url, username, password: 'wrong' })).toMatchObject({ status: 401 });
  });

  test('two of them run side by side and stopping one leaves the other alone', async () => {
    const other = await startRealAsterisk({ dataDir });
    expect(other.ariUrl).not.toBe(asterisk.ariUrl);
    await other.stop();
    expect(isAlive(other.pid)).toBe(false);
    expect(await askAsterisk({ url: asterisk.ariUrl, username: asterisk.username, password: asterisk.password })).toEqual({
      version: asterisk.version,
    });
  });

  test('the carrier counts one INVITE dialog a dialled call, retransmissions or not', async () => {
    const dial = (number: string) =>
      ari(
        'POST',
        `channels?${new URLSearchParams({ endpoint: `PJSIP/${number}@trunk`, extension: 'echo', context: 'callee', timeout: '2' })}`,
      );
    const before = Date.now();
    expect(await dial(CARRIER_NUMBERS[486])).toBe(200);
    // Nobody replies to this one, so Asterisk sends its INVITE again after 0.5 s and 1.5 s.
    expect(await dial(CARRIER_NUMBERS['never-replies'])).toBe(200);
    await expect.poll(() => channelCount(), { timeout: 15_000 }).toBe(0);
    const invites = await carrier.invites();
    expect(invites.map(({ number }) => number).sort()).toEqual([CARRIER_NUMBERS['never-replies'], CARRIER_NUMBERS[486]]);
    for (const { at } of invites) expect(Math.abs(at - before)).toBeLessThan(60_000);
  });

  async function channelCount(): Promise<number> {
    const response = await fetch(`${asterisk.ariUrl}/ari/channels`, {
      headers: { authorization: `Basic ${btoa(`${asterisk.username}:${asterisk.password}`)}` },
    });
    return ((await response.json()) as unknown[]).length;
  }
});
