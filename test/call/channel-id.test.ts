import { expect, it } from 'vitest';
import { channelId, isCovered, ownerOf, partPrefix } from '../../src/call/channel-id.ts';

const attemptId = `a${'0123456789ab'.repeat(2)}`;
const uuid = '7d1f1f5e-8f0e-4a58-9f3a-0d5a6a3f1c11';

it('everything that a call makes in Asterisk tells whose it is', () => {
  const owner = { attemptId, epoch: 3 };
  expect(ownerOf('rf1', channelId('rf1', attemptId, 3))).toEqual({ part: 'callee', ...owner });
  expect(ownerOf('rf1', `${channelId('rf1', attemptId, 3)};2`)).toEqual({ part: 'callee', ...owner });
  expect(ownerOf('rf1', partPrefix('rf1', 'media', owner) + uuid)).toEqual({ part: 'media', ...owner });
  expect(ownerOf('rf1', partPrefix('rf1', 'bridge', owner) + uuid)).toEqual({ part: 'bridge', ...owner });
  expect(ownerOf('rf1', partPrefix('rf1', 'colleague', owner) + uuid)).toEqual({ part: 'colleague', ...owner });
});

it('what another installation, a person or a program made is nobody’s to sweep', () => {
  for (const id of [
    channelId('rf2', attemptId, 3),
    channelId('rf11', attemptId, 3),
    '1763770000.42',
    uuid,
    `rf1-${attemptId}`,
    'rf1-',
    '',
  ]) {
    expect(ownerOf('rf1', id), id).toBeUndefined();
  }
});

it('a run that dialled again under a new epoch keeps its media leg, but not the channel before', () => {
  const lease = '2-4';
  const covered = (part: 'callee' | 'media', epoch: number) => isCovered(lease, { part, attemptId, epoch });
  expect([1, 2, 3, 4, 5].map((epoch) => covered('media', epoch))).toEqual([false, true, true, true, false]);
  expect([1, 2, 3, 4, 5].map((epoch) => covered('callee', epoch))).toEqual([false, false, false, true, false]);
  expect(isCovered('', { part: 'callee', attemptId, epoch: 4 })).toBe(false);
});
