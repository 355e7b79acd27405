import { createLedger as createTrueLedger, type Ledger, type LedgerOptions } from '../../../src/queue/ledger.ts';
import { isBroken } from './mechanisms.ts';

/** The ledger with mechanisms taken out. */
export function createLedger(options: LedgerOptions): Ledger {
  const { redis, keys } = options;
  const ledger = createTrueLedger(options);
  const broken: Partial<Ledger> = {};
  if (isBroken('mark-not-written')) broken.mark = async () => true;
  if (isBroken('claim-forgets')) {
    broken.claim = async (id, phone) => {
      const claim = await ledger.claim(id, phone);
      return claim.kind === 'claimed' ? { ...claim, before: 'queued' } : claim;
    };
  }
  if (isBroken('put-through-unwritten')) broken.putThrough = async () => true;
  if (isBroken('epoch-unchecked')) {
    // Whoever asks is taken for the owner.
    const current = async (id: string) => (await ledger.read(id))?.epoch ?? 0;
    broken.mark = async (id) => ledger.mark(id, await current(id));
    broken.unmark = async (id) => ledger.unmark(id, await current(id));
    broken.release = async (id) => ledger.release(id, await current(id));
    broken.end = async (id, _epoch, ...rest) => ledger.end(id, await current(id), ...rest);
  }
  if (isBroken('outbox-apart')) {
    broken.end = async (id, epoch, outcome, outbox, redial) => {
      const written = await ledger.end(id, epoch, outcome, [], redial);
      if (written && outbox.length > 0) await redis.rpush(keys.outbox, ...outbox.map((entry) => JSON.stringify(entry)));
      return written;
    };
  }
  if (isBroken('end-unfenced')) {
    broken.end = async (id, _epoch, outcome, outbox) => {
      await redis.hset(keys.attempt(id), { state: 'ended', outcome: JSON.stringify(outcome) });
      // Under an id of its own, as BullMQ takes an entry of the same id for the same one.
      for (const entry of outbox) await redis.rpush(keys.outbox, JSON.stringify({ ...entry, id: `${entry.id}-${Date.now()}` }));
      return true;
    };
  }
  return { ...ledger, ...broken };
}
