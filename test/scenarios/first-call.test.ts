import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Job } from 'bullmq';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type App, startApp } from '../../src/app.ts';
import type { CallJobData } from '../../src/call/call-job.ts';
import type { Campaign } from '../../src/call/campaign.ts';
import type { Contact } from '../../src/call/contact.ts';
import type { OutcomeNews } from '../../src/call/outbox-entry.ts';
import { type Config, loadConfig } from '../../src/config.ts';
import { createLogger } from '../../src/logger.ts';
import { type CallJobResult, createCallQueue } from '../../src/queue/call-queue.ts';
import { startWorld, type World } from '../../src/sandbox/world.ts';
import { openContactSink } from '../../src/wire-producer.ts';

type CallJobOfQueue = Job<CallJobData, CallJobResult>;

let world: World;
let app: App;
let config: Config;
let redis: Redis;
let dataDir: string;
let log = '';
let queue: ReturnType<typeof createCallQueue>;

const campaign: Campaign = {
  name: 'reminder',
  callerId: '+12025550199',
  dialString: 'PJSIP/{e164}@people',
  defaultCountry: 'US',
  language: 'en-US',
  voice: 'v1',
  greeting: 'Hello {{name}}, this is the dental practice.',
  disclosure: 'I am an assistant.',
  goodbye: 'Goodbye.',
  goal: 'Confirm the appointment {{appointment}}.',
  script: 'Ask whether the appointment still suits.',
  hours: { from: '00:00', to: '24:00' },
  whenServiceDown: 'wait',
  recording: true,
  limits: { answerTimeoutMs: 3_000, maxCallMs: 60_000, maxTurns: 10 },
};

function contactOf(role: string): Contact {
  const { number, name } = world.people.byRole(role);
  return { phone: number, name, timeZones: ['America/New_York'], variables: { appointment: 'tomorrow at ten' } };
}

async function enqueue(what: Campaign, contacts: Contact[]) {
  const sink = await openContactSink(config, what);
  try {
    return await sink.add(contacts, { update: false, dryRun: false });
  } finally {
    await sink.close();
  }
}

/** A contact's first attempt, once it is in one of these states. */
async function jobOf(role: string, ...states: string[]): Promise<CallJobOfQueue> {
  const { number } = world.people.byRole(role);
  return eventually(async () => {
    const jobs = await queue.getJobs(['waiting', 'active', 'delayed', 'completed', 'failed']);
    const job = jobs.find(({ data }) => data.phone === number && data.attempt === 1);
    const state = await job?.getState();
    if (job === undefined || state === undefined || !states.includes(state)) throw new Error(`${role} is ${state}`);
    // What it holds now, not what it held before it got there.
    return (await queue.getJob(job.id ?? '')) ?? job;
  });
}

async function eventually<T>(look: () => Promise<T>): Promise<T> {
  const giveUpAt = Date.now() + 60_000;
  for (;;) {
    try {
      return await look();
    } catch (error) {
      if (Date.now() > giveUpAt) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

const dialsTo = (role: string) => world.asterisk?.dials.filter(({ number }) => number === world.people.byRole(role).number).length;
const crmRowsOf = (role: string) =>
  world.hubSpot.rows.filter(({ properties }) => properties.hs_call_to_number === world.people.byRole(role).number);

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'ringfence-scenario-'));
  const dana = { properties: { phone: '+12025550101', firstname: 'Dana', lastname: 'Whitfield' } };
  world = await startWorld({ asterisk: 'sandbox', dataDir, crmContacts: [dana] });
  config = loadConfig(['call', 'delivery'], {
    ...world.settings,
    REDIS_URL: inject('redisUrl'),
    REDIS_DISPOSABLE: 'true',
    QUEUE_PREFIX: `test-${randomUUID()}`,
    DATA_DIR: dataDir,
    ARI_APP: 'scenario-first-call',
    // Whom the trunk refused is dialled again after this story.
    HELD_BACK_WAIT: '300000',
    CALL_CONCURRENCY: '12',
  });
  redis = new Redis(inject('redisUrl'), { maxRetriesPerRequest: null });
  queue = createCallQueue(redis, config.queuePrefix);
  app = await startApp(
    config,
    ['call', 'delivery'],
    createLogger({ level: 'info', secrets: config.secrets, write: (line) => (log += line) }),
  );
});
afterAll(async () => {
  await app?.stop();
  await world?.stop();
  const keys = await redis.keys(`${config.queuePrefix}:*`);
  if (keys.length > 0) await redis.del(...keys);
  await queue.close();
  await redis.quit();
  await rm(dataDir, { recursive: true, force: true });
});

describe('a campaign of eight people', { timeout: 90_000 }, () => {
  const roles = [
    'answers-and-confirms',
    'wants-to-be-left-alone',
    'hangs-up-early',
    'busy',
    'no-answer',
    'rejects',
    'invalid-number',
    'congestion',
  ];

  beforeAll(async () => {
    expect(await enqueue(campaign, roles.map(contactOf))).toEqual(roles.map(() => 'added'));
  });

  it.each([
    ['busy', 'busy', /cause 17, SIP 486/],
    ['no-answer', 'no-answer', /nobody answered/],
    ['rejects', 'rejected', /cause 21, SIP 603/],
    ['invalid-number', 'invalid-number', /cause 1, SIP 404/],
    ['congestion', 'congestion', /cause 34, SIP 503/],
    ['hangs-up-early', 'hung-up', /hung up/],
    ['wants-to-be-left-alone', 'opted-out', /not to be called again/],
    ['answers-and-confirms', 'completed', /goodbye/],
  ])('%s: the job is completed as %s, with a reason a human understands, after one dial', async (role, disposition, reason) => {
    const job = await jobOf(role, 'completed', 'failed');
    expect(job.returnvalue).toMatchObject({ disposition, reason: expect.stringMatching(reason) });
    expect(dialsTo(role)).toBe(1);
  });

  it('whoever answers hears who calls and that it is a machine, word for word, and what they say is understood', async () => {
    const job = await jobOf('answers-and-confirms', 'completed');
    const person = world.people.log.find(({ role }) => role === 'answers-and-confirms');
    expect(person?.heardText).toMatch(/^Hello Dana Whitfield, this is the dental practice\. I am an assistant\. /);
    expect(person?.heardText).toContain('your appointment is confirmed');
    expect(person?.heardText).toMatch(/Goodbye\.$/);
    // And not cut off by our hang-up: what their phone still holds of it has time to sound.
    const talkedMs = (person?.endedAt ?? 0) - (person?.answeredAt ?? 0);
    expect(talkedMs - (person?.heard.at(-1)?.endMs ?? talkedMs)).toBeGreaterThan(200);
    const { logs } = await queue.getJobLogs(job.id ?? '');
    expect(logs.some((line) => line.endsWith('callee: Yes, that works for me.'))).toBe(true);
    const steps = logs.map((line) => line.replace(/^\S+ /, ''));
    expect(steps.filter((step) => ['dialing', 'ringing', 'answered'].includes(step))).toEqual(['dialing', 'ringing', 'answered']);
    expect(job.progress).toMatchObject({ state: 'talking' });
  });

  it('the CRM has one record a call, with disposition, duration, summary, transcript and the contact that it knows', async () => {
    for (const role of roles) await jobOf(role, 'completed');
    await eventually(async () => expect(world.hubSpot.rows.length).toBeGreaterThanOrEqual(roles.length));
    for (const role of roles) expect(crmRowsOf(role), role).toHaveLength(1);
    const [dana] = crmRowsOf('answers-and-confirms');
    expect(dana?.properties).toMatchObject({
      hs_call_status: 'COMPLETED',
      hs_call_direction: 'OUTBOUND',
      hs_call_from_number: campaign.callerId,
    });
    expect(dana?.properties.hs_call_body).toContain('Callee: Yes, that works for me.');
    expect(dana?.properties.hs_call_body).toContain('Summary: The callee confirmed the appointment.');
    expect(Number(dana?.properties.hs_call_duration)).toBeGreaterThan(5_000);
    const known = world.hubSpot.contacts.find(({ properties }) => properties.firstname === 'Dana')?.id;
    await eventually(async () => expect(crmRowsOf('answers-and-confirms')[0]?.contactIds).toEqual([known]));
  });

  it('a program elsewhere is told how each attempt ended, once, signed', async () => {
    const endings = await Promise.all(
      roles.map(async (role) => [world.people.byRole(role).number, (await jobOf(role, 'completed')).returnvalue?.disposition]),
    );
    const told = () =>
      world.outcomes.deliveries.map(({ body }) => (body as OutcomeNews).data).filter((data) => data.campaign === campaign.name);
    await eventually(async () => expect(told().length).toBeGreaterThanOrEqual(roles.length));
    expect(
      told()
        .map(({ contact, disposition }) => [contact.phone, disposition])
        .sort(),
    ).toEqual(endings.sort());
    const dana = told().find(({ contact }) => contact.phone === world.people.byRole('answers-and-confirms').number);
    expect(dana).toMatchObject({ attempt: 1, contact: { variables: { appointment: 'tomorrow at ten' } }, redialAt: null });
    expect(dana?.transcript).toContainEqual(expect.objectContaining({ speaker: 'callee', text: 'Yes, that works for me.' }));
  });

  it('a call is recorded in stereo, and its file is as long as the talk', async () => {
    const job = await jobOf('answers-and-confirms', 'completed');
    const { size } = await stat(join(dataDir, 'recordings', `${job.id}.wav`));
    const seconds = size / (config.mediaSampleRate * 2 * 2);
    const talked = job.returnvalue?.talkSeconds ?? 0;
    expect(Math.abs(seconds - talked)).toBeLessThan(talked * 0.3);
  });

  it('enqueueing the same people again calls nobody again', async () => {
    for (const role of roles) await jobOf(role, 'completed');
    expect(await enqueue(campaign, roles.map(contactOf))).toEqual(roles.map(() => 'already-dialled'));
    expect(await queue.getWaitingCount()).toBe(0);
  });

  it('who asked to be left alone is called by no other campaign either, also when they are in its queue already', async () => {
    await jobOf('wants-to-be-left-alone', 'completed');
    await enqueue({ ...campaign, name: 'another' }, [contactOf('wants-to-be-left-alone')]);
    const job = await eventually(async () => {
      const done = await queue.getJobs(['completed']);
      const found = done.find(({ data }) => data.campaign === 'another');
      if (found === undefined) throw new Error('not looked at yet');
      return (await queue.getJob(found.id ?? '')) ?? found;
    });
    expect(job.returnvalue).toMatchObject({
      disposition: 'cancelled',
      reason: expect.stringMatching(/asked on \d{4}-\d\d-\d\d not to be called/),
    });
    expect(dialsTo('wants-to-be-left-alone')).toBe(1);
    await eventually(async () =>
      expect(world.outcomes.deliveries.map(({ body }) => (body as OutcomeNews).data)).toContainEqual(
        expect.objectContaining({ attemptId: job.id, campaign: 'another', disposition: 'cancelled' }),
      ),
    );
  });

  it('nothing is left behind in Asterisk, and no log line holds a number or a key', async () => {
    for (const role of roles) await jobOf(role, 'completed');
    await eventually(async () => expect([world.asterisk?.channels(), world.asterisk?.bridges()]).toEqual([[], []]));
    expect(log).toContain('call ended');
    expect(log).not.toMatch(/\+1202555\d{4}/);
    expect(log).not.toContain(world.settings.ELEVENLABS_API_KEY);
  });
});

it("outside the contact's hours nobody is dialled; the job waits for the hour and says so", async () => {
  const hour = new Date().getUTCHours();
  const closed = { from: `${String((hour + 2) % 23).padStart(2, '0')}:00`, to: `${String(((hour + 2) % 23) + 1).padStart(2, '0')}:00` };
  await enqueue({ ...campaign, name: 'later', hours: closed }, [{ ...contactOf('answers-and-asks'), timeZones: ['UTC'] }]);
  const job = await jobOf('answers-and-asks', 'delayed');
  expect(await queue.getDelayedCount()).toBeGreaterThan(0);
  expect((await queue.getJobLogs(job.id ?? '')).logs.join('\n')).toMatch(/not now: .*looking again at \d{4}-/);
  expect(dialsTo('answers-and-asks')).toBe(0);
});

it('a contact whose time zone is unknown is not dialled', async () => {
  await enqueue({ ...campaign, name: 'nowhere' }, [{ ...contactOf('reschedules'), timeZones: [] }]);
  await jobOf('reschedules', 'delayed');
  expect(dialsTo('reschedules')).toBe(0);
});

it('a dial string that Asterisk does not know fails the call and says which one', async () => {
  await enqueue({ ...campaign, name: 'wrong', dialString: 'PJSIP/{e164}@nowhere' }, [contactOf('wrong-person')]);
  const job = await jobOf('wrong-person', 'failed');
  expect(job.failedReason).toContain('PJSIP/{e164}@nowhere');
  expect(dialsTo('wrong-person')).toBe(0);
});

it('without the CRM the call goes on with the data of the file', { timeout: 60_000 }, async () => {
  world.hubSpot.faults.set({ kind: 'hang' }, { path: /search/ });
  await enqueue({ ...campaign, name: 'no-crm' }, [contactOf('hangs-up-early')]);
  await eventually(async () => expect(dialsTo('hangs-up-early')).toBe(2));
  world.hubSpot.faults.clear();
});
