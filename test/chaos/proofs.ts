import { type Mechanism, NAIVE } from './broken/mechanisms.ts';
import type { Story } from './campaign.ts';
import { type HistoryOptions, type Plan, runHistory } from './histories.ts';
import { type RandomFault, runFaults } from './random-faults.ts';
import type { Violation } from './sightings.ts';

const DIALLED = 'asterisk POST ari/channels/{callee}/dial #1 answer';
const TALKING = 'asterisk POST ari/bridges/{id}/addChannel #1 answer';

/** A voice breaks down while two of three alert channels are away. */
const UNHEARD: readonly RandomFault[] = [
  { kind: 'Telegram down', after: 60, forMs: 20_000 },
  { kind: 'mail server down', after: 60, forMs: 20_000 },
  { kind: 'text-to-speech down', after: 60, forMs: 10_000 },
];

/** For each mechanism the history, or the faults, in which only it keeps a promise from being broken. */
export const PROOFS: Readonly<Record<Mechanism, (Plan & { story?: Story }) | { faults: readonly RandomFault[] }>> = {
  'mark-not-written': { boundary: DIALLED, signal: 'kill' },
  'claim-forgets': { boundary: DIALLED, signal: 'kill' },
  'end-unfenced': { boundary: TALKING, signal: 'freeze' },
  'epoch-unchecked': { boundary: 'asterisk POST ari/channels/create #1 answer', signal: 'overlap' },
  'outbox-apart': { boundary: 'redis END #1 answer', signal: 'kill' },
  'put-through-unwritten': { story: 'transfer', boundary: 'asterisk POST ari/bridges/{id}/addChannel #3 answer', signal: 'kill' },
  'random-channel-ids': { boundary: 'asterisk POST ari/channels/{callee}/dial #1 request', signal: 'overlap' },
  'dialled-again': { boundary: DIALLED, signal: 'cut' },
  'no-dead-mans-switch': { boundary: TALKING, signal: 'alone' },
  'no-sweep': { boundary: TALKING, signal: 'kill' },
  'record-created-anew': { boundary: 'hubspot POST crm/v3/objects/calls #1 answer', signal: 'cut' },
  'alerts-tried-once': { faults: UNHEARD },
};

/** What a worker without this mechanism does wrong; nothing, when the harness can't tell. */
export async function prove(mechanism: Mechanism, options: HistoryOptions): Promise<readonly Violation[]> {
  const proof = PROOFS[mechanism];
  const broken = { ...options, broken: mechanism };
  const played = 'faults' in proof ? runFaults(proof.faults, broken) : runHistory(proof, { ...broken, story: proof.story });
  return (await played).violations;
}

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
