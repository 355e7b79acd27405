/** What can be taken out of a worker, and where: the file that is replaced by the one of the same name in this folder. */
export const MECHANISMS = {
  'mark-not-written': 'src/queue/ledger.ts',
  'claim-forgets': 'src/queue/ledger.ts',
  'end-unfenced': 'src/queue/ledger.ts',
  'epoch-unchecked': 'src/queue/ledger.ts',
  'outbox-apart': 'src/queue/ledger.ts',
  'put-through-unwritten': 'src/queue/ledger.ts',
  'random-channel-ids': 'src/call/channel-id.ts',
  'dialled-again': 'src/telephony/two-step-dialler.ts',
  'no-dead-mans-switch': 'src/telephony/dead-mans-switch.ts',
  'no-sweep': 'src/wire-sweep.ts',
  'record-created-anew': 'src/services/hubspot.ts',
  'alerts-tried-once': 'src/alerts/alert-queues.ts',
} as const;

export type Mechanism = keyof typeof MECHANISMS;

/** A worker as one writes it who has not read the design. */
export const NAIVE: readonly Mechanism[] = [
  'mark-not-written',
  'claim-forgets',
  'end-unfenced',
  'outbox-apart',
  'random-channel-ids',
  'dialled-again',
  'no-dead-mans-switch',
  'no-sweep',
  'record-created-anew',
  'alerts-tried-once',
];

/** The ones that `CHAOS_BROKEN` names. */
export function isBroken(mechanism: Mechanism): boolean {
  return (process.env.CHAOS_BROKEN ?? '').split(',').includes(mechanism);
}
