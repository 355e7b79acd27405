/*
 * Everything that this installation makes in Asterisk tells by its name which attempt it belongs to, so that what nobody
 * owns any more can be found and ended, and nothing else is touched. No phone number stands in a name.
 */

/** The channel is the fencing token: one name an epoch. */
export function channelId(installation: string, attemptId: string, epoch: number): string {
  return `${installation}-${attemptId}.${epoch}`;
}

/** What the names of a call's other parts begin with; what follows makes them unique. `colleague` is the phone of whom the callee is put through to. */
export function partPrefix(
  installation: string,
  part: Exclude<NamedOwner['part'], 'callee'>,
  { attemptId, epoch }: { attemptId: string; epoch: number },
): string {
  return `${installation}-${part}-${attemptId}.${epoch}-`;
}

export interface NamedOwner {
  part: 'callee' | 'media' | 'bridge' | 'colleague';
  attemptId: string;
  epoch: number;
}

/** Whose it is; undefined for what is not this installation's. The second half of a Local channel ends in `;2`. */
export function ownerOf(installation: string, id: string): NamedOwner | undefined {
  if (!id.startsWith(`${installation}-`)) return undefined;
  const found = /^(?:(media|bridge|colleague)-)?(a[0-9a-f]{24})\.(\d+)(?:-[0-9a-f-]+)?(?:;\d)?$/.exec(id.slice(installation.length + 1));
  if (found === null) return undefined;
  const [, part = 'callee', attemptId = '', epoch] = found;
  return { part: part as NamedOwner['part'], attemptId, epoch: Number(epoch) };
}

/** Whether an attempt's lease (`<first epoch of the run>-<epoch>`, or `''`) covers this part of a call. */
export function isCovered(lease: string, { part, epoch }: NamedOwner): boolean {
  const [from, to] = lease.split('-').map(Number);
  if (from === undefined || to === undefined) return false;
  // A run that had to dial again keeps its media leg, and has no use for the channel before.
  return part === 'callee' ? epoch === to : from <= epoch && epoch <= to;
}
