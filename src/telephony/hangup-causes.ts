import type { Disposition } from '../call/outcome.ts';
import type { ChannelEnd } from './dialler.ts';

/** What an unanswered dial can end as. */
export type UnansweredDisposition = Extract<
  Disposition,
  'busy' | 'no-answer' | 'rejected' | 'invalid-number' | 'congestion' | 'cancelled' | 'failed'
>;

export interface UnansweredMeaning {
  disposition: UnansweredDisposition;
  /** For a human: `busy (cause 17, SIP 486)`. */
  reason: string;
  /** It tells of the trunk, the network or our configuration, and not of the person called. */
  trunkFault: boolean;
}

type Meaning = readonly [disposition: UnansweredDisposition, words: string, trunkFault?: 'trunk'];

/**
 * Q.850 numbers as Asterisk's include/asterisk/causes.h has them. Which SIP status becomes which is res_pjsip's table: 404, 485 and 604 → 1; 486 and 600 → 17; 408 → 18;
 * 480 and 483 → 19; 401, 403, 407 and 603 → 21; 410 → 22; 484 → 28; 488 and 606 → 58; 503 and unknown 5xx → 34; 500 → 38; other 4xx and 6xx → 127.
 */
const BY_CAUSE: Readonly<Record<number, Meaning>> = {
  0: ['failed', 'ended without a reason'],
  1: ['invalid-number', 'the number does not exist'],
  2: ['failed', 'no route to the transit network', 'trunk'],
  3: ['failed', 'no route to the destination', 'trunk'],
  5: ['invalid-number', 'wrong prefix dialled'],
  14: ['failed', 'the number was ported'],
  16: ['failed', 'ended normally without an answer'],
  17: ['busy', 'busy'],
  18: ['no-answer', 'the phone did not respond'],
  19: ['no-answer', 'nobody answered'],
  20: ['no-answer', 'the phone is switched off or out of reach'],
  21: ['rejected', 'declined'],
  22: ['invalid-number', 'the number has changed'],
  23: ['failed', 'redirected elsewhere'],
  26: ['no-answer', 'answered elsewhere'],
  27: ['congestion', 'the destination is out of order'],
  28: ['invalid-number', 'the number is incomplete or malformed'],
  29: ['failed', 'the network refused a facility', 'trunk'],
  31: ['no-answer', 'ended without a particular reason'],
  34: ['congestion', 'no line was free', 'trunk'],
  38: ['congestion', 'the network is out of order', 'trunk'],
  41: ['congestion', 'a temporary failure of the network', 'trunk'],
  42: ['congestion', 'the network is congested', 'trunk'],
  44: ['congestion', 'the requested line is not available', 'trunk'],
  50: ['failed', 'the trunk is not subscribed to this', 'trunk'],
  52: ['failed', 'outgoing calls are barred', 'trunk'],
  54: ['rejected', 'incoming calls are barred there'],
  57: ['failed', 'the trunk may not do this', 'trunk'],
  58: ['failed', 'no common audio format with the trunk', 'trunk'],
  65: ['failed', 'the trunk does not support this kind of call', 'trunk'],
  66: ['failed', 'no such channel technology: check the dial string', 'trunk'],
  69: ['failed', 'the trunk does not support this facility', 'trunk'],
  88: ['invalid-number', 'not a telephone: fax or modem'],
  102: ['congestion', 'the network gave up waiting', 'trunk'],
  111: ['failed', 'protocol error', 'trunk'],
  127: ['failed', 'the network gave no usable reason'],
};

/** Where the SIP status says more than the cause it became. */
const BY_TECH_CAUSE: Readonly<Record<number, Meaning>> = {
  401: ['failed', "the trunk does not accept Asterisk's credentials", 'trunk'],
  403: ['rejected', 'declined, or refused by the carrier', 'trunk'],
  407: ['failed', "the trunk does not accept Asterisk's credentials", 'trunk'],
  483: ['failed', 'the call went round in circles in the network', 'trunk'],
  502: ['congestion', 'the destination is out of order', 'trunk'],
  603: ['rejected', 'declined'],
  607: ['rejected', 'blocked as unwanted by the callee'],
  608: ['rejected', 'blocked as unwanted by the network'],
};

const UNKNOWN: Meaning = ['failed', 'ended for a reason that is not in the table'];
const NO_SIGN_OF_LIFE: Meaning = ['congestion', 'the trunk gave no sign of life', 'trunk'];
const CALLED_OFF: Meaning = ['cancelled', 'called off while it rang'];

/** Normal clearing, and no reason at all: what our own hang-up ends with. */
const OUR_OWN_CAUSES: readonly number[] = [0, 16];

/** What the end of a dial that nobody answered means. */
export function unansweredMeaning(end: ChannelEnd): UnansweredMeaning {
  const { cause, techCause } = end;
  const [disposition, words, fault] = meaningOf(end);
  const numbers = `cause ${cause}${techCause === undefined ? '' : `, SIP ${techCause}`}`;
  // Whose phone rang before they declined has declined, whatever the words for it.
  const declined = disposition === 'rejected' && end.farEnd === 'rang';
  return { disposition, reason: `${words} (${numbers})`, trunkFault: fault === 'trunk' && !declined };
}

function meaningOf({ cause, techCause, byUs, farEnd }: ChannelEnd): Meaning {
  if (byUs && OUR_OWN_CAUSES.includes(cause)) return CALLED_OFF;
  // Nobody said so much as "trying": by their own clock (408), or by ours.
  if (farEnd === 'silent' || (techCause === 408 && farEnd !== 'rang')) return NO_SIGN_OF_LIFE;
  const bySip = techCause === undefined ? undefined : BY_TECH_CAUSE[techCause];
  return bySip ?? BY_CAUSE[cause] ?? UNKNOWN;
}
