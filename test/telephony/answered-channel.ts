import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ServiceError } from '../../src/errors.ts';
import type { People } from '../../src/sandbox/people/people.ts';
import { speak } from '../../src/sandbox/voice/voice.ts';
import type { AriConnection } from '../../src/telephony/ari-connection.ts';
import type { CallChannel } from '../../src/telephony/dialler.ts';
import { createDialler } from '../../src/telephony/two-step-dialler.ts';

export interface AnsweredWorld {
  connection: AriConnection;
  people: People;
  /** Where sounds may be put for Asterisk to find. */
  folder: string;
  /** Dials somebody who picks up and says nothing. */
  endpoint: string;
}

const WAIT = { timeout: 10_000, interval: 10 };
const never = new AbortController().signal;

export async function answeredChannel(connection: AriConnection, endpoint: string): Promise<CallChannel> {
  const result = await createDialler(connection, { logger: { warn() {}, error() {} } }).dial({
    ...{ channelId: randomUUID(), endpoint, callerId: '+12025550100', answerTimeoutMs: 10_000 },
    ...{ mark: async () => true, onProgress: () => {}, signal: never },
  });
  if (result.kind !== 'answered') throw new Error(`not answered but ${result.kind}`);
  return result.channel;
}

/** The same stories on any Asterisk. */
export function tellOfAnsweredChannels(world: () => AnsweredWorld): void {
  const callOf = async (channel: CallChannel) => {
    const { people } = world();
    const before = people.log.length;
    await channel.hangup();
    await expect.poll(() => people.log.length, WAIT).toBeGreaterThan(before);
    return people.log.at(-1);
  };

  test('keys that we press are heard at the far end, in order, and waited for', async () => {
    const channel = await answeredChannel(world().connection, world().endpoint);
    await channel.sendDtmf('1w2#');
    await channel.sendDtmf('A*');
    expect((await callOf(channel))?.keys).toBe('12#A*');
  });

  test('Asterisk plays a file of ours to the callee, word for word, without any media leg', async () => {
    const { connection, endpoint, folder } = world();
    await writeFile(join(folder, 'apology.sln16'), speak('I am sorry, please call us back.', 16_000));
    const channel = await answeredChannel(connection, endpoint);
    expect(await channel.play([`sound:${join(folder, 'apology')}`], never)).toBe(true);
    expect((await callOf(channel))?.heardText).toContain('I am sorry, please call us back.');
  });

  test('a sound that Asterisk has not got was not played, and one of its own was', async () => {
    const channel = await answeredChannel(world().connection, world().endpoint);
    expect(await channel.play(['sound:/nowhere/at-all'], never)).toBe(false);
    expect(await channel.play(['sound:sorry'], never)).toBe(true);
    await channel.hangup();
  });

  test('on a channel that is gone, nothing is played and keys are refused', async () => {
    const channel = await answeredChannel(world().connection, world().endpoint);
    await channel.hangup();
    expect(await channel.play(['sound:sorry'], never)).toBe(false);
    await expect(channel.sendDtmf('1')).rejects.toBeInstanceOf(ServiceError);
  });
}
