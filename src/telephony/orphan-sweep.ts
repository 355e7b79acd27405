import type { Logger } from '../logger.ts';
import type { AriConnection } from './ari-connection.ts';
import { removeUntilGone } from './remove-until-gone.ts';

export interface OrphanSweepOptions<Owner> {
  connection: Pick<AriConnection, 'listChannels' | 'listBridges' | 'hangup' | 'destroyBridge'>;
  /** Who a channel or bridge belongs to, by its name; undefined for what is not ours to touch. */
  ownerOf: (id: string) => Owner | undefined;
  /** One answer an owner, in their order; undefined while nobody can tell. Asked after Asterisk, so that nothing new is mistaken for an orphan. */
  areLiving: (owners: Owner[]) => Promise<boolean[] | undefined>;
  logger: Pick<Logger, 'warn'>;
}

/** The next sweep tries again. Milliseconds. */
const PATIENCE_MS = 2_000;

/**
 * Ends the channels and bridges whose owner is gone. Answers how many there were.
 * Rejects with a `ServiceError` when Asterisk can't be asked.
 */
export async function sweepOrphans<Owner>({ connection, ownerOf, areLiving, logger }: OrphanSweepOptions<Owner>): Promise<number> {
  const [channels, bridges] = await Promise.all([connection.listChannels(), connection.listBridges()]);
  const named = [
    ...channels.map(({ id }) => ({ id, remove: () => connection.hangup(id, 'normal') })),
    // After the channels: a bridge is what holds them together.
    ...bridges.map(({ id }) => ({ id, remove: () => connection.destroyBridge(id) })),
  ].flatMap((one) => {
    const owner = ownerOf(one.id);
    return owner === undefined ? [] : [{ ...one, owner }];
  });
  if (named.length === 0) return 0;
  const living = await areLiving(named.map(({ owner }) => owner));
  if (living === undefined) return 0;
  const orphans = named.filter((_, index) => living[index] === false);
  for (const { id, remove } of orphans) {
    logger.warn({ channelId: id }, 'nobody owns this channel or bridge any more: ended');
    await removeUntilGone(remove, PATIENCE_MS);
  }
  return orphans.length;
}
