import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { COMPILE_CACHE } from '../compile-cache.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'enqueue-script-'));
});
afterAll(() => rm(folder, { recursive: true }));

const CAMPAIGN = resolve('campaigns/appointment-reminder.yaml');
/** Nothing listens there. */
const NO_REDIS = 'redis://127.0.0.1:1';

/** Every test has keys of its own in the Redis that all tests share. */
let prefix: string;
beforeEach(() => {
  prefix = `enqueue-script-${crypto.randomUUID()}`;
});

function start(args: string[], redisUrl: string): ChildProcess {
  const env = { PATH: process.env.PATH, REDIS_URL: redisUrl, QUEUE_PREFIX: prefix, ...COMPILE_CACHE };
  return spawn(process.execPath, [resolve('scripts/enqueue.ts'), ...args], { cwd: folder, env });
}

async function finish(script: ChildProcess): Promise<{ code: number | null; out: string; err: string }> {
  let [out, err] = ['', ''];
  script.stdout?.on('data', (chunk) => {
    out += chunk;
  });
  script.stderr?.on('data', (chunk) => {
    err += chunk;
  });
  const [code] = await once(script, 'close');
  return { code, out, err };
}

async function run(args: string[], { redisUrl = NO_REDIS, stdin = '' } = {}) {
  const script = start(args, redisUrl);
  script.stdin?.end(stdin);
  return finish(script);
}

async function file(name: string, content: string | Buffer): Promise<string> {
  await writeFile(join(folder, name), content);
  return name;
}

async function attemptsInRedis(): Promise<number> {
  const redis = new Redis(inject('redisUrl'));
  try {
    return (await redis.keys(`${prefix}:attempt:*`)).length;
  } finally {
    redis.disconnect();
  }
}

describe('npm run enqueue', { timeout: 120_000 }, () => {
  test('--help tells what can be said', async () => {
    const { code, out } = await run(['--help']);
    expect(code).toBe(0);
    for (const option of ['--campaign', '--update', '--dry-run', '--encoding', '--phone-column', '--country'])
      expect(out).toContain(option);
  });

  test('bad input ends with 2 and one clear message, before Redis is asked', async () => {
    const contacts = await file('bad.csv', 'name,e-mail\nAda,a@example.com\n');
    const noAppointment = await file('short.csv', 'name,phone\nAda,+12025550100\n');
    const latin = await file('latin.csv', Buffer.from('name,phone,appointment\nM\xfcller,+12025550100,Monday\n', 'latin1'));
    const brokenCampaign = await file('broken.yaml', 'name: Bad Name\nlanguge: de\n');
    for (const [args, message] of [
      [[contacts], 'Which campaign?'],
      [[contacts, '--campain', CAMPAIGN], "Unknown option '--campain'"],
      [[contacts, '--campaign', CAMPAIGN, '--country', 'Germany'], '--country is "Germany"'],
      [[contacts, '--campaign', brokenCampaign], 'did you mean "language"?'],
      [[contacts, '--campaign', CAMPAIGN], 'bad.csv has no phone column. Columns found: "name", "e-mail"'],
      [[noAppointment, '--campaign', CAMPAIGN], 'uses {{appointment}}'],
      [[latin, '--campaign', CAMPAIGN], '--encoding windows-1252'],
    ] as const) {
      const { code, out, err } = await run([...args]);
      expect([code, err]).toEqual([2, expect.stringContaining(message)]);
      expect(err).not.toMatch(/^\s+at /m);
      expect(out).toBe('');
    }
    await expect(readFile(join(folder, 'bad.rejected.csv'))).rejects.toThrow('ENOENT');
  });

  test('a Redis that does not answer ends with 1, and leaves nothing behind', async () => {
    const contacts = await file('fine.csv', 'name,phone,appointment\nAda,+12025550100,Monday\n');
    const { code, err } = await run([contacts, '--campaign', CAMPAIGN]);
    expect([code, err]).toEqual([1, expect.stringMatching(/Redis.*127\.0\.0\.1:1/)]);
    await expect(readFile(join(folder, 'fine.rejected.csv'))).rejects.toThrow('ENOENT');
  });

  test('contacts are added once, counted, and the rejected ones found in a file', async () => {
    const redisUrl = inject('redisUrl');
    const contacts = await file('mixed.csv', 'name;phone;appointment\nAda;+12025550120;Monday\nBob;+12025550121;Monday\nCy;12;Monday\n');
    const args = [contacts, '--campaign', CAMPAIGN];

    const dry = await run([...args, '--dry-run'], { redisUrl });
    expect(dry).toMatchObject({ code: 0, out: expect.stringMatching(/3 lines \(dry run.*\n +2 {2}would be added\n +1 {2}rejected/) });
    expect(await attemptsInRedis()).toBe(0);

    const first = await run(args, { redisUrl });
    expect(first).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/ 2 {2}added\n +1 {2}rejected\n.*mixed\.rejected\.csv/) });
    expect(first.out).toContain('http://127.0.0.1:15000/board');
    expect(await readFile(join(folder, 'mixed.rejected.csv'), 'utf8')).toContain('"4","the phone number');

    const second = await run(args, { redisUrl });
    expect(second.out).toMatch(/0 {2}added\n +2 {2}in the campaign already/);
    const update = await run([...args, '--update'], { redisUrl });
    expect(update.out).toMatch(/2 {2}updated/);
  });

  test('standard input is read, rejected lines go to the current folder', async () => {
    const stdin = '{"phone":"+12025550130","appointment":"Monday"}\n{"phone":"x"}\n';
    const { code, out } = await run(['-', '--campaign', CAMPAIGN], { redisUrl: inject('redisUrl'), stdin });
    expect([code, out]).toEqual([0, expect.stringMatching(/1 {2}added\n +1 {2}rejected\n.* stdin\.rejected\.csv/)]);
  });

  test('a stream that turns out not to be UTF-8 says what is enqueued already', async () => {
    const good = Array.from({ length: 5_000 }, (_, index) => `+1212${2_000_000 + index},Monday\n`).join('');
    const script = start(['-', '--campaign', CAMPAIGN], inject('redisUrl'));
    script.stdin?.end(Buffer.concat([Buffer.from(`phone,appointment\n${good}`), Buffer.from([0xfc, 0x0a])]));
    const { code, err } = await finish(script);
    expect(code).toBe(2);
    expect(err).toMatch(/standard input is not UTF-8: byte 0xFC at offset \d+ \(line 5002\)/);
    expect(err).toMatch(/\d+ {2}added/);
    expect(err).toContain('nothing is added twice');
  });

  test('Ctrl-C ends a run that waits for more input, and says how to go on', async () => {
    const script = start(['-', '--campaign', CAMPAIGN], inject('redisUrl'));
    const finished = finish(script);
    script.stdin?.write(`phone,appointment\n${Array.from({ length: 2_500 }, (_, index) => `+1312${2_000_000 + index},Monday\n`).join('')}`);
    while ((await attemptsInRedis()) < 2_000) await new Promise((resolve) => setTimeout(resolve, 50));
    script.kill('SIGINT');
    const { code, out } = await finished;
    expect(code).toBe(130);
    expect(out).toMatch(/2,000 {2}added/);
    expect(out).toContain('To go on, run the same command again');
  });
});
