/** The channel is the fencing token: one name an epoch. No phone number stands in it. */
export function channelId(installation: string, attemptId: string, epoch: number): string {
  return `${installation}-${attemptId}.${epoch}`;
}
