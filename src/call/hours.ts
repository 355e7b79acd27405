import type { Campaign } from './campaign.ts';

export type DialTime =
  | { allowed: true }
  /** `at`: Unix milliseconds of the next moment at which every zone is inside the hours; absent when there is none within a year, or no zone is known. */
  | { allowed: false; reason: string; at?: number };

export interface DialTimeQuestion {
  /** Unix milliseconds. */
  now: number;
  /** Every IANA zone that the contact may be in. */
  timeZones: readonly string[];
  hours: Campaign['hours'];
}

interface OpenMinutes {
  fromMs: number;
  toMs: number;
}

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** Zones that are never open together in winter may be so in summer: a year sees every such pair. */
const HORIZON_MS = 366 * DAY_MS;

/**
 * May a contact be called now? Only when it is inside the hours in every zone that the contact may be in.
 * An empty or unknown zone is a no: nobody is rung at a time that we can't tell.
 */
export function nextDialTime({ now, timeZones, hours }: DialTimeQuestion): DialTime {
  if (timeZones.length === 0) return { allowed: false, reason: "the contact's time zone is unknown" };
  const unknown = timeZones.find((zone) => !isTimeZone(zone));
  if (unknown !== undefined) return { allowed: false, reason: `"${unknown}" is not a time zone that this machine knows` };
  const open = { fromMs: timeOfDayMs(hours.from), toMs: timeOfDayMs(hours.to) };
  const closed = timeZones.find((zone) => !isOpen(zone, now, open));
  if (closed === undefined) return { allowed: true };
  const reason = `it is ${clock(closed, now)} in ${closed}; calls are made from ${hours.from} to ${hours.to}`;
  const at = nextCommonOpening(timeZones, now, open);
  if (at !== undefined) return { allowed: false, reason, at };
  return { allowed: false, reason: `${reason}, and the ${timeZones.length} zones of this number are never inside that at once` };
}

/** Milliseconds since midnight of an `HH:MM`; `24:00` is the day's end. */
export function timeOfDayMs(time: string): number {
  const [hours, minutes] = time.split(':').map(Number);
  return ((hours ?? Number.NaN) * 60 + (minutes ?? Number.NaN)) * MINUTE_MS;
}

export function isTimeZone(name: string): boolean {
  if (formatters.has(name)) return true;
  try {
    formatter(name);
    return true;
  } catch {
    return false;
  }
}

/** Before the latest of the zones' next openings nothing can be open everywhere, so that is where to look again. */
function nextCommonOpening(zones: readonly string[], now: number, open: OpenMinutes): number | undefined {
  let at = now;
  while (at <= now + HORIZON_MS) {
    let latest = at;
    for (const zone of zones) latest = Math.max(latest, nextOpening(zone, at, open));
    if (latest === at) return at;
    at = latest;
  }
  return undefined;
}

/** A moment before which the zone stays closed: its next opening, or a change of clocks from where to look again. */
function nextOpening(zone: string, after: number, open: OpenMinutes): number {
  if (isOpen(zone, after, open)) return after;
  const timeOfDay = localTimeOfDay(zone, after);
  const candidate = after + ((open.fromMs - timeOfDay + DAY_MS) % DAY_MS);
  const offset = offsetAt(zone, after);
  if (offsetAt(zone, candidate) === offset) return candidate;
  // The clocks change on the way. Until they do, nothing opens (the candidate would be the first); from there on their new time counts.
  let before = after;
  let change = candidate;
  while (change - before > 1) {
    const middle = Math.floor((before + change) / 2);
    if (offsetAt(zone, middle) === offset) before = middle;
    else change = middle;
  }
  return change;
}

function isOpen(zone: string, at: number, { fromMs, toMs }: OpenMinutes): boolean {
  const timeOfDay = localTimeOfDay(zone, at);
  return timeOfDay >= fromMs && timeOfDay < toMs;
}

function localTimeOfDay(zone: string, at: number): number {
  return (((at + offsetAt(zone, at)) % DAY_MS) + DAY_MS) % DAY_MS;
}

function clock(zone: string, at: number): string {
  return new Date(localTimeOfDay(zone, at)).toISOString().slice(11, 16);
}

/** A formatter costs about 50 µs and some 10 kB to make; there are about 300 zones. */
const formatters = new Map<string, Intl.DateTimeFormat>();

function formatter(zone: string): Intl.DateTimeFormat {
  const known = formatters.get(zone);
  if (known) return known;
  const made = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    calendar: 'iso8601',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  formatters.set(zone, made);
  return made;
}

/** Offsets by zone and UTC day; `undefined` for a day on which the clocks change. Asking Intl costs microseconds, this nanoseconds. */
const offsetsByDay = new Map<string, Map<number, number | undefined>>();
/** A year and a bit, the search's horizon; about 20 kB a zone. */
const REMEMBERED_DAYS = 400;

function offsetAt(zone: string, at: number): number {
  let days = offsetsByDay.get(zone);
  if (!days) {
    days = new Map();
    offsetsByDay.set(zone, days);
  }
  const day = Math.floor(at / DAY_MS);
  let offset = days.get(day);
  if (offset !== undefined) return offset;
  if (!days.has(day)) {
    const start = readOffset(zone, day * DAY_MS);
    offset = start === readOffset(zone, (day + 1) * DAY_MS) ? start : undefined;
    if (days.size >= REMEMBERED_DAYS) days.clear();
    days.set(day, offset);
    if (offset !== undefined) return offset;
  }
  return readOffset(zone, at);
}

/** Local time minus UTC, in milliseconds. */
function readOffset(zone: string, at: number): number {
  const part: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {};
  for (const { type, value } of formatter(zone).formatToParts(at)) part[type] = Number(value);
  const local = Date.UTC(part.year ?? 0, (part.month ?? 1) - 1, part.day ?? 1, part.hour ?? 0, part.minute ?? 0, part.second ?? 0);
  return local - Math.floor(at / 1000) * 1000;
}
