import type { App } from '../../src/app.ts';
import type { World } from '../../src/sandbox/world.ts';
import { sleep } from '../../src/sleep.ts';
import { plainTable } from '../plain-table.ts';
import type { CallRow } from './call-table.ts';

export interface Report {
  rows: CallRow[];
  world: World;
  app: App;
  password: string;
  dataDir: string;
  tookMs: number;
  redis: { kind: string };
  /** Everything is kept up after the report. */
  stays: boolean;
}

/** What came of it: outcomes, the CRM's rows as the CRM has them, and where to look further. */
export async function printReport({ rows, world, app, password, dataDir, tookMs, redis, stays }: Report): Promise<void> {
  await crmIsComplete(world, rows.length);
  console.log('\nOutcomes');
  const outcomes = plainTable(['contact', 'phone', 'disposition', 'talk', 'why']);
  for (const row of rows) outcomes.push([row.name, row.phone, row.disposition ?? '', `${row.talkSeconds ?? 0} s`, why(row, stays)]);
  console.log(outcomes.toString());

  console.log('\nCall records in the CRM');
  const crm = plainTable(['to', 'status', 'title', 'duration', 'contact']);
  for (const { properties, contactIds } of world.hubSpot.rows) {
    const { hs_call_to_number: to, hs_call_status: status, hs_call_title: title, hs_call_duration: duration } = properties;
    crm.push([to ?? '', status ?? '', title ?? '', `${Math.round(Number(duration) / 1000)} s`, contactIds.join(', ') || '-']);
  }
  console.log(crm.toString());

  console.log(
    `\n${rows.length} contacts, ${world.hubSpot.rows.length} CRM records, ${(tookMs / 1000).toFixed(0)} s. Redis: ${redis.kind}.`,
  );
  if (stays) {
    console.log(`Bull Board  ${app.web?.boardUrl}   (user ringfence, password ${password})`);
    console.log(`Recordings  ${app.web?.recordingsUrl}`);
  } else console.log('Bull Board  npm run demo -- --stay keeps it up');
  console.log(`Recordings  ${dataDir}/recordings (left: the agent, right: the callee)`);
  console.log(`Log         ${dataDir}/demo.log`);
}

function why({ reason, redialAt }: CallRow, stays: boolean): string {
  if (redialAt === undefined) return reason;
  const at = new Date(redialAt).toTimeString().slice(0, 5);
  return stays ? `${reason}; dialled again at ${at}` : `${reason}; a worker that went on would dial again at ${at}`;
}

/** Records travel through the outbox, a moment behind the calls. */
async function crmIsComplete(world: World, count: number): Promise<void> {
  for (let looks = 0; world.hubSpot.rows.length < count && looks < 100; looks++) await sleep(100);
}
