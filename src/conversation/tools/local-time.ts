/** `YYYY-MM-DDTHH:MM` on the clocks of a time zone. */
export function localTime(at: number, timeZone: string): string {
  // Swedes write it that way.
  return new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'short' }).format(at).replace(' ', 'T');
}

/** The moment at which the clocks of a time zone show this; undefined for what is no time. An hour that is skipped in spring counts as the one after it. */
export function unixTime(local: string, timeZone: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?$/.test(local)) return undefined;
  const asUtc = Date.parse(`${local}Z`);
  if (Number.isNaN(asUtc)) return undefined;
  const offsetAt = (at: number) => Date.parse(`${localTime(at, timeZone)}Z`) - Math.floor(at / 60_000) * 60_000;
  // The second look is for a change of clocks between the two.
  const near = asUtc - offsetAt(asUtc);
  return asUtc - offsetAt(near);
}
