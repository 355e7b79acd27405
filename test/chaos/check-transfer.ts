import type { Meeting } from './meetings.ts';
import { patience } from './patience.ts';
import type { Sightings, Tell } from './sightings.ts';

/** What the outside saw of callees who want to talk to a colleague. Numbers are the callees', for their colleagues too. */
export interface Transfers {
  /** One for each INVITE to a colleague. */
  dials: Sightings['dials'];
  /** Lines of those who picked up, once they are over. */
  callees: readonly Line[];
  colleagues: readonly Line[];
  meetings: readonly Meeting[];
  /** When something bad was done to the worker. Unix milliseconds. */
  faultAt: number;
  /** When another worker first showed that it had taken something over; 0: never. Unix milliseconds. */
  ownedAgainAt: number;
}

interface Line {
  number: string;
  answeredAt: number;
  endedAt: number;
  endedBy: 'person' | 'caller';
}

/** P3 while any process of ours lives, and half as much again. Milliseconds. */
const ALONE_MS = 15_000;
/** The dead-man's switch was renewed 10 s ago at most: until then nobody's absence cuts anybody off. Milliseconds. */
const DEAD_MAN_MS = 19_000;
/** Who was put through and taken back at once, because Asterisk's answer was lost, has not talked. Milliseconds. */
const TALKED_MS = 1_000;

/** Nobody is rung twice, left alone on a line, or cut off in a talk; and who talked with a colleague has that as their outcome. */
export function checkTransfer(number: string, { rows, dials }: Sightings, transfers: Transfers, tell: Tell): void {
  const of = <T extends { number: string }>(all: readonly T[]) => all.filter((one) => one.number === number);
  const [own, callees, colleagues] = [of(rows), of(transfers.callees), of(transfers.colleagues)];
  checkRings(of(transfers.dials), of(dials).length, tell);

  const wordOf = (meeting: Meeting) => own.find(({ attempt }) => attempt === meeting.attempt)?.disposition;
  const meetings = transfers.meetings.filter((meeting) => {
    const word = wordOf(meeting);
    return word === 'transferred' || (word !== undefined && meeting.to - meeting.from >= TALKED_MS);
  });
  for (const meeting of meetings) {
    const colleague = colleagues.find((line) => covers(line, meeting));
    const callee = callees.find((line) => covers(line, meeting));
    if (colleague && callee) checkAlone('the callee', callee.endedAt - colleague.endedAt, tell);
    const word = wordOf(meeting);
    if (word !== 'transferred') tell('P1', `talked with a colleague, but the outcome is ${word}`);
    if (of(dials).some(({ at }) => at > meeting.from)) tell('P2', 'called again after a talk with a colleague');
  }
  for (const line of colleagues) {
    if (meetings.some((meeting) => covers(line, meeting))) continue;
    checkAlone('a colleague', line.endedAt - Math.max(line.answeredAt, transfers.faultAt), tell);
  }
  if (!own.some(({ disposition }) => disposition === 'transferred')) return;
  // Only colleagues hang up here, and the last one was the one who was reached.
  const reached = colleagues.toSorted((one, other) => one.answeredAt - other.answeredAt).at(-1);
  if (reached === undefined) tell('nowhere', 'transferred to nobody');
  else if (reached.endedBy === 'caller' && !diedAlone(reached, transfers)) tell('cut off', 'put through, and hung up by us');
}

/** Each attempt rings a colleague once; a carrier doesn't see which one it is. */
function checkRings(rings: Sightings['dials'], callsMade: number, tell: Tell): void {
  const attempts = new Set(rings.flatMap(({ attempt }) => attempt ?? []));
  for (const attempt of attempts) {
    const count = rings.filter((ring) => ring.attempt === attempt).length;
    if (count > 1) tell('P2', `a colleague was rung ${count} times in one attempt`);
  }
  if (attempts.size === 0 && rings.length > callsMade) tell('P2', `a colleague was rung ${rings.length} times in ${callsMade} calls`);
}

function checkAlone(who: string, ms: number, tell: Tell): void {
  if (ms > patience(ALONE_MS)) tell('P3', `${who} was alone on the line for ${ms} ms`);
}

/** On a very busy machine no worker was there in time. */
function diedAlone({ endedAt }: Line, { faultAt, ownedAgainAt }: Transfers): boolean {
  return (ownedAgainAt === 0 || endedAt < ownedAgainAt) && endedAt - faultAt > DEAD_MAN_MS;
}

function covers({ answeredAt, endedAt }: Line, { from, to }: Meeting): boolean {
  return answeredAt <= to && endedAt >= from;
}
