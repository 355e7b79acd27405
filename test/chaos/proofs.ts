import { type Mechanism, NAIVE } from './broken/mechanisms.ts';
import type { Plan } from './histories.ts';

const DIALLED = 'asterisk POST ari/channels/{callee}/dial #1 answer';
const TALKING = 'asterisk POST ari/bridges/{id}/addChannel #1 answer';

/** For each mechanism the history that only it keeps from breaking a promise. */
export const PROOFS: Readonly<Record<Mechanism, Plan>> = {
  'mark-not-written': { boundary: DIALLED, signal: 'kill' },
  'claim-forgets': { boundary: DIALLED, signal: 'kill' },
  'end-unfenced': { boundary: TALKING, signal: 'freeze' },
  'epoch-unchecked': { boundary: 'asterisk POST ari/channels/create #1 answer', signal: 'overlap' },
  'outbox-apart': { boundary: 'redis END #1 answer', signal: 'kill' },
  'random-channel-ids': { boundary: 'asterisk POST ari/channels/{callee}/dial #1 request', signal: 'freeze' },
  'dialled-again': { boundary: DIALLED, signal: 'cut' },
  'no-dead-mans-switch': { boundary: TALKING, signal: 'alone' },
  'no-sweep': { boundary: TALKING, signal: 'kill' },
  'record-created-anew': { boundary: 'hubspot POST crm/v3/objects/calls #1 answer', signal: 'cut' },
};

/** What a naive worker is put through; it must fail most of it. */
export const NAIVE_WORKER = NAIVE.join(',');
export const NAIVE_PLANS: readonly Plan[] = [
  { boundary: DIALLED, signal: 'kill' },
  { boundary: DIALLED, signal: 'freeze' },
  { boundary: DIALLED, signal: 'cut' },
  { boundary: TALKING, signal: 'kill' },
  { boundary: TALKING, signal: 'freeze' },
  { boundary: TALKING, signal: 'alone' },
  { boundary: 'asterisk ChannelStateChange Ringing #1 event', signal: 'kill' },
  { boundary: 'redis CLAIM #1 answer', signal: 'kill' },
];
