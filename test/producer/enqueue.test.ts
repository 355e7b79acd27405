import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Campaign } from '../../src/call/campaign.ts';
import type { Contact } from '../../src/call/contact.ts';
import type { ContactSink } from '../../src/call/contact-sink.ts';
import { loadCampaign } from '../../src/producer/campaign-file.ts';
import { openContactFile } from '../../src/producer/contact-file.ts';
import { checkVariables } from '../../src/producer/contact-maker.ts';
import { type EnqueueCounts, enqueueContacts } from '../../src/producer/enqueue.ts';
import { createPhoneLines } from '../../src/producer/phone-lines.ts';
import { createRejectedFile, rejectedPath } from '../../src/producer/rejected-file.ts';

type Sink = Pick<ContactSink, 'add'>;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'enqueue-'));
});
afterAll(() => rm(folder, { recursive: true }));

const CAMPAIGN: Campaign = {
  name: 'checkups',
  callerId: '+12025550199',
  dialString: 'PJSIP/{e164}@carrier',
  defaultCountry: 'US',
  language: 'en-US',
  voice: '21m00Tcm4TlvDq8ikWAM',
  greeting: 'Hello {{name|there}}.',
  disclosure: 'I am an AI.',
  goal: 'Confirm {{appointment}}.',
  script: 'Ask.',
  goodbye: 'Goodbye.',
  hours: { from: '08:00', to: '21:00' },
  whenServiceDown: 'wait',
  recording: true,
  limits: { answerTimeoutMs: 30_000, maxCallMs: 600_000, maxTurns: 40 },
};

/** What the queue does, in memory: a sink that remembers. */
function createMemorySink() {
  const known = new Map<string, Contact>();
  const dialled = new Set<string>();
  const batches: number[] = [];
  const sink: Sink = {
    async add(contacts, { update, dryRun }) {
      batches.push(contacts.length);
      return contacts.map((contact) => {
        if (dialled.has(contact.phone)) return 'already-dialled';
        const isKnown = known.has(contact.phone);
        if (!dryRun && (!isKnown || update)) known.set(contact.phone, contact);
        return isKnown ? (update ? 'updated' : 'duplicate') : 'added';
      });
    },
  };
  return { sink, known, dialled, batches };
}

interface Run {
  sink?: Sink;
  update?: boolean;
  dryRun?: boolean;
  campaign?: Partial<Campaign>;
  signal?: AbortSignal;
  onProgress?: (counts: Readonly<EnqueueCounts>) => void;
}

async function run(content: string | Readable, options: Run = {}) {
  const path = join(folder, `${crypto.randomUUID()}.csv`);
  if (typeof content === 'string') await writeFile(path, content);
  const file = await openContactFile(typeof content === 'string' ? { path, stdin: Readable.from([]) } : { path: '-', stdin: content });
  const rejected = await createRejectedFile(rejectedPath(path), file.headers);
  const counts = await enqueueContacts({
    contacts: file,
    campaign: { ...CAMPAIGN, ...options.campaign },
    sink: options.sink ?? createMemorySink().sink,
    rejected,
    country: 'US',
    update: options.update ?? false,
    dryRun: options.dryRun ?? false,
    onProgress: options.onProgress ?? (() => {}),
    signal: options.signal ?? new AbortController().signal,
  }).finally(() => rejected.close());
  const written = await readFile(rejected.path, 'utf8').catch(() => undefined);
  return { counts, written };
}

const phoneAt = (index: number) => `+1202${2_000_000 + index}`;

describe('enqueue', () => {
  test('contacts reach the queue with number, zones and variables; what can not be called is rejected with the reason', async () => {
    const { sink, known } = createMemorySink();
    const { counts, written } = await run(
      [
        'phone,name,time_zone,crm_id,appointment',
        '(202) 555-0100,Ada,,7,Tuesday',
        '+12025550101,,America/Los_Angeles,,Friday',
        '12345,Bob,,,Monday',
        '+12025550103,Cy,EST,,Monday',
        '+12025550104,Di,,,',
        '+80012345678,Ed,,,Monday',
        '202 555 0100,Ada twice,,,Monday',
      ].join('\n'),
      { sink },
    );
    expect(counts).toEqual({ lines: 7, added: 2, updated: 0, duplicates: 0, repeated: 1, alreadyDialled: 0, rejected: 4 });
    expect([...known.values()]).toEqual([
      { phone: '+12025550100', name: 'Ada', timeZones: ['America/New_York'], crmId: '7', variables: { appointment: 'Tuesday' } },
      {
        phone: '+12025550101',
        name: undefined,
        timeZones: ['America/Los_Angeles'],
        crmId: undefined,
        variables: { appointment: 'Friday' },
      },
    ]);
    const lines = (written ?? '').split('\r\n');
    expect(lines[0]).toBe('\ufeff"line","reason","phone","name","time_zone","crm_id","appointment"');
    for (const [index, reason] of [
      '"4","the phone number ""12345"" has too few or too many digits for US","12345","Bob"',
      '"5","""EST"" is not a time zone',
      '"6","no value for {{appointment}}, which the campaign\'s goal uses',
      '"7","the time zone of +80012345678 is unknown; add a column time_zone',
      '"8","the same number as in line 2"',
    ].entries())
      expect(lines[index + 1]).toContain(reason);
  });

  test('a number whose zones are never inside the hours together is rejected now, not kept for ever', async () => {
    const freephone = 'phone,appointment,time_zone\n+18005550199,Monday,\n+18005550199,Monday,America/Denver\n';
    const { counts, written } = await run(freephone, { campaign: { hours: { from: '09:00', to: '17:00' } } });
    expect(counts).toMatchObject({ added: 1, rejected: 1 });
    expect(written).toMatch(
      /\+18005550199 may be in any of \d+ time zones, which are never inside the calling hours at once; add a column time_zone/,
    );
  });

  test('enqueueing twice adds nothing twice; an update replaces those not yet dialled', async () => {
    const { sink, known, dialled } = createMemorySink();
    await run('phone,appointment\n+12025550100,Monday\n+12025550101,Monday\n', { sink });
    expect((await run('phone,appointment\n+12025550100,Monday\n+12025550101,Monday\n', { sink })).counts).toMatchObject({
      added: 0,
      duplicates: 2,
    });
    dialled.add('+12025550101');
    const again = await run('phone,appointment\n+12025550100,Friday\n+12025550101,Friday\n', { sink, update: true });
    expect(again.counts).toMatchObject({ added: 0, updated: 1, alreadyDialled: 1 });
    expect(known.get('+12025550100')?.variables).toEqual({ appointment: 'Friday' });
    expect(known.get('+12025550101')?.variables).toEqual({ appointment: 'Monday' });
  });

  test('a dry run counts the same and changes nothing', async () => {
    const { sink, known } = createMemorySink();
    const { counts, written } = await run('phone,appointment\n+12025550100,Monday\n+12025550100,Monday\nx,Monday\n', {
      sink,
      dryRun: true,
    });
    expect(counts).toMatchObject({ added: 1, repeated: 1, rejected: 1 });
    expect(known.size).toBe(0);
    expect(written).toContain('the same number as in line 2');
  });

  test('a line rejected for another reason does not make the next one with its number a repetition', async () => {
    const { counts } = await run('phone,appointment\n+12025550100,\n+12025550100,Monday\n');
    expect(counts).toMatchObject({ added: 1, repeated: 0, rejected: 1 });
  });

  test('long files go in batches, and no more than one waits while another is written', async () => {
    const { sink, known, batches } = createMemorySink();
    let under = 0;
    let most = 0;
    const slow: Sink = {
      async add(contacts, options) {
        under += 1;
        most = Math.max(most, under);
        await new Promise((resolve) => setImmediate(resolve));
        under -= 1;
        return sink.add(contacts, options);
      },
    };
    const content = `phone,appointment\n${Array.from({ length: 4_500 }, (_, index) => `${phoneAt(index)},Monday\n`).join('')}`;
    expect((await run(content, { sink: slow })).counts.added).toBe(4_500);
    expect(known.size).toBe(4_500);
    expect(batches).toEqual([1_000, 1_000, 1_000, 1_000, 500]);
    expect(most).toBe(1);
  });

  test('stopping ends between two batches, and the same command goes on where it ended', async () => {
    const { sink, known } = createMemorySink();
    const stop = new AbortController();
    const content = `phone,appointment\n${Array.from({ length: 5_000 }, (_, index) => `${phoneAt(index)},Monday\n`).join('')}`;
    const { counts } = await run(content, { sink, signal: stop.signal, onProgress: () => stop.abort() });
    expect(counts.added).toBe(known.size);
    expect(known.size).toBeGreaterThan(0);
    expect(known.size).toBeLessThan(5_000);
    const again = await run(content, { sink });
    expect(again.counts.added + again.counts.duplicates).toBe(5_000);
    expect(known.size).toBe(5_000);
  });

  test('stopping also ends a run that waits for a silent pipe', async () => {
    const pipe = new PassThrough();
    pipe.write(`phone,appointment\n${Array.from({ length: 1_500 }, (_, index) => `${phoneAt(index)},Monday\n`).join('')}`);
    const stop = new AbortController();
    // A turn later, all that was written has been read, and the run waits for more.
    const { counts } = await run(pipe, { signal: stop.signal, onProgress: () => setImmediate(() => stop.abort()) });
    expect(counts.added).toBe(1_000);
    pipe.destroy();
  });

  test('a queue that fails ends the run with its error, whether at once or with the last batch', async () => {
    const failing: Sink = {
      async add() {
        throw new Error('Redis is gone');
      },
    };
    const many = `phone,appointment\n${Array.from({ length: 3_000 }, (_, index) => `${phoneAt(index)},Monday\n`).join('')}`;
    await expect(run('phone,appointment\n+12025550100,Monday\n', { sink: failing })).rejects.toThrow('Redis is gone');
    await expect(run(many, { sink: failing })).rejects.toThrow('Redis is gone');
  });

  test('a rejected field that a spreadsheet would run as a formula becomes text', async () => {
    const { written } = await run('phone,name,appointment\nx,"=HYPERLINK(""http://evil"")",@SUM(A1)\n-1,+1+1," =1"\n');
    expect(written).toContain(`"x","'=HYPERLINK(""http://evil"")","'@SUM(A1)"`);
    expect(written).toContain(`"'-1","'+1+1","' =1"`);
  });

  test('mended, a rejected file can be enqueued as it is', async () => {
    const first = await run('phone,name,appointment\n+1 202 555 0100,Ada,\n');
    const { counts } = await run((first.written ?? '').replace('"Ada",""', '"Ada","Monday"'));
    expect(counts).toMatchObject({ added: 1, rejected: 0 });
  });

  test('no rejected file is left when nothing was rejected, not even one of an earlier run', async () => {
    const path = join(folder, 'earlier.rejected.csv');
    await writeFile(path, 'old');
    const rejected = await createRejectedFile(path, ['phone']);
    await rejected.close();
    await rejected.close();
    await expect(readFile(path)).rejects.toThrow('ENOENT');
  });

  test('the rejected file stands beside the contacts, and in the current folder for standard input', () => {
    expect(rejectedPath('/lists/may.jsonl')).toBe('/lists/may.rejected.csv');
    expect(rejectedPath('-')).toBe('stdin.rejected.csv');
  });

  test('a variable that no column gives is told once, not for every line', () => {
    const check = (columns: string[]) => () => checkVariables(CAMPAIGN, new Set(columns), 'may.csv');
    expect(check(['phone', 'when'])).toThrow('uses {{appointment}} (in goal), but may.csv has no such column. It has: phone, when.');
    expect(check(['phone', 'appointment'])).not.toThrow();
  });

  test('every contact of the example can be called in the example campaign', async () => {
    const campaign = await loadCampaign('campaigns/appointment-reminder.yaml');
    const { counts, written } = await run(await readFile('examples/contacts.csv', 'utf8'), { campaign });
    expect(counts).toMatchObject({ lines: counts.added, rejected: 0, repeated: 0 });
    expect(counts.added).toBeGreaterThanOrEqual(12);
    expect(written).toBeUndefined();
  });

  test('a number is known again among a hundred thousand others', () => {
    const seen = createPhoneLines(16);
    for (let index = 0; index < 100_000; index += 1) expect(seen.firstLineOf(`+49151${index * 7_919}`, index + 2)).toBeUndefined();
    for (let index = 0; index < 100_000; index += 997) expect(seen.firstLineOf(`+49151${index * 7_919}`, 1)).toBe(index + 2);
  });
});
