import type { Violation } from './sightings.ts';
import type { Told } from './telling.ts';

export interface TellingSeen {
  told: Told;
  enqueued: readonly string[];
  /** Call records in the CRM. */
  rows: readonly { number: string; attempt: string; disposition: string }[];
  /** Services of which the outside knows that they refused more requests in a row than any breaker bears. */
  brokeDown: readonly string[];
}

/** P1 and P7 as the webhook and the spreadsheet have them: each attempt once, and all with the same word. P8: every incident, on every channel. */
export function checkTelling(seen: TellingSeen): Violation[] {
  return [...checkOutcomes(seen), ...checkAlerts(seen)];
}

function checkOutcomes({ told, enqueued, rows }: TellingSeen): Violation[] {
  const found: Violation[] = [];
  const own = rows.filter(({ number }) => enqueued.includes(number));
  const places = { webhook: told.outcomes.filter(({ number }) => enqueued.includes(number)), spreadsheet: told.sheet };
  for (const [place, entries] of Object.entries(places)) {
    for (const { attempt, disposition } of own) {
      const words = entries.filter((entry) => entry.attempt === attempt).map((entry) => entry.disposition);
      if (words.length === 0) found.push({ promise: 'P1', what: `${place} never heard of a ${disposition} attempt` });
      if (words.length > 1) found.push({ promise: 'P7', what: `${place} has an attempt ${words.length} times` });
      if (words.some((word) => word !== disposition)) {
        found.push({ promise: 'P1', what: `the CRM has ${disposition}, ${place} ${words.join()}` });
      }
    }
  }
  const known = new Set(own.map(({ attempt }) => attempt));
  for (const { attempt, disposition } of places.webhook) {
    if (!known.has(attempt)) found.push({ promise: 'P1', what: `a ${disposition} attempt was posted that the CRM has never heard of` });
  }
  return found;
}

function checkAlerts({ told, brokeDown }: TellingSeen): Violation[] {
  const found: Violation[] = [];
  const tell = (what: string) => void found.push({ promise: 'P8', what });
  const everything = new Set(Object.values(told.subjects).flat());
  for (const [channel, subjects] of Object.entries(told.subjects)) {
    for (const subject of everything) {
      // That a channel is down is told on the others.
      if (!subjects.includes(subject) && !subject.toLowerCase().includes(channel)) tell(`${channel} was not told: ${subject}`);
    }
  }
  const count = (kind: string, about: string) => told.alerts.filter((alert) => alert.kind === kind && alert.about === about).length;
  for (const { kind, about } of told.alerts) {
    if (kind === 'breaker-opened' && count(kind, about) > 1)
      tell(`the outage of ${about} was told ${count(kind, about)} times in one window`);
    if (kind === 'breaker-opened' && count('breaker-closed', about) === 0) tell(`the end of the outage of ${about} was not told`);
  }
  for (const service of brokeDown) if (count('breaker-opened', service) === 0) tell(`the outage of ${service} was not told`);
  return found;
}
