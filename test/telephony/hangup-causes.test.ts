import { expect, test } from 'vitest';
import type { ChannelEnd } from '../../src/telephony/dialler.ts';
import { unansweredMeaning } from '../../src/telephony/hangup-causes.ts';

const end = (cause: number, techCause?: number, byUs = false): ChannelEnd => ({ cause, techCause, byUs });

test.each([
  [17, 486, 'busy', false],
  [17, 600, 'busy', false],
  [19, 480, 'no-answer', false],
  [21, 603, 'rejected', false],
  [127, 607, 'rejected', false],
  [1, 404, 'invalid-number', false],
  [28, 484, 'invalid-number', false],
  [34, 503, 'congestion', true],
  [38, 500, 'congestion', true],
  [102, 504, 'congestion', true],
  [58, 488, 'failed', true],
  [21, 403, 'rejected', true],
  [21, 401, 'failed', true],
  [21, 407, 'failed', true],
  [19, 483, 'failed', true],
  [127, 481, 'failed', false],
] as const)('cause %i with SIP %i is "%s"; the fault of the trunk: %s', (cause, techCause, disposition, trunkFault) => {
  expect(unansweredMeaning(end(cause, techCause))).toMatchObject({ disposition, trunkFault });
});

test('the reason names the numbers, and the SIP status only where there was one', () => {
  expect(unansweredMeaning(end(17, 486)).reason).toBe('busy (cause 17, SIP 486)');
  expect(unansweredMeaning(end(17)).reason).toBe('busy (cause 17)');
});

test('a dial that we called off is not the callee’s doing', () => {
  expect(unansweredMeaning(end(16, undefined, true)).disposition).toBe('cancelled');
  expect(unansweredMeaning(end(16)).disposition).toBe('failed');
  // Busy came first.
  expect(unansweredMeaning(end(17, 486, true)).disposition).toBe('busy');
});

test('no sign of life before the time was up is a trunk that does not respond, and not somebody who does not pick up', () => {
  const dead = { disposition: 'congestion', trunkFault: true };
  expect(unansweredMeaning(end(18, 408))).toMatchObject(dead);
  expect(unansweredMeaning({ ...end(19, 480), farEnd: 'silent' })).toMatchObject(dead);
  for (const [cause, sip] of [
    [18, 408],
    [19, 480],
  ] as const)
    expect(unansweredMeaning({ ...end(cause, sip), farEnd: 'rang' })).toMatchObject({ disposition: 'no-answer', trunkFault: false });
});

test('403 is said by carriers and by people: whose phone rang has declined', () => {
  expect(unansweredMeaning({ ...end(21, 403), farEnd: 'rang' })).toMatchObject({ disposition: 'rejected', trunkFault: false });
  expect(unansweredMeaning({ ...end(21, 401), farEnd: 'rang' }).trunkFault).toBe(true);
});

test('a cause that is in no table still has a disposition and a reason', () => {
  expect(unansweredMeaning(end(99))).toMatchObject({ disposition: 'failed', trunkFault: false });
});
