import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type LogFiles, openLogFiles } from '../src/log-files.ts';

let dir: string;
let open: LogFiles[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'ringfence-logs-'));
});
afterEach(() => {
  for (const files of open) files.close();
  open = [];
  rmSync(dir, { recursive: true, force: true });
});

const DAY_MS = 86_400_000;
const NOON = Date.parse('2026-03-01T12:00:00Z');

function openHere(more: Partial<Parameters<typeof openLogFiles>[0]> = {}): LogFiles {
  const onError = (error: Error) => {
    throw error;
  };
  const files = openLogFiles({ dir, name: 'call', maxFileBytes: 1_000, keepDays: 7, onError, now: () => NOON, ...more });
  open.push(files);
  return files;
}

const linesOf = (file: string) => readFileSync(join(dir, file), 'utf8').trim().split('\n');
const allLines = () => readdirSync(dir).flatMap(linesOf);

it('a file that is full is followed by the next, and no line is lost or torn', () => {
  const files = openHere();
  for (let i = 0; i < 100; i++) files.write(`${JSON.stringify({ i, text: 'x'.repeat(80) })}\n`);
  expect(allLines()).toHaveLength(100);
  expect(readdirSync(dir)).toHaveLength(10);
  expect(readdirSync(dir)).toContain('call-2026-03-01.10.log');
  expect(new Set(allLines().map((line) => (JSON.parse(line) as { i: number }).i)).size).toBe(100);
});

it('every day has a file of its own', () => {
  let now = NOON;
  const files = openHere({ now: () => now });
  files.write('today\n');
  now += DAY_MS;
  files.write('tomorrow\n');
  expect([linesOf('call-2026-03-01.1.log'), linesOf('call-2026-03-02.1.log')]).toEqual([['today'], ['tomorrow']]);
});

it('old files go, and nothing else that lies in the folder', () => {
  const old = new Date(NOON - 8 * DAY_MS);
  for (const name of ['call-2026-02-20.1.log', 'web-2026-02-20.1.log', 'notes-of-mine.log', 'call-2026-02-28.1.log']) {
    writeFileSync(join(dir, name), 'x\n');
    if (!name.includes('02-28')) utimesSync(join(dir, name), old, old);
    else utimesSync(join(dir, name), new Date(NOON - DAY_MS), new Date(NOON - DAY_MS));
  }
  openHere().write('x\n');
  expect(readdirSync(dir).sort()).toEqual(expect.arrayContaining(['call-2026-02-28.1.log', 'notes-of-mine.log']));
  expect(readdirSync(dir)).not.toContain('call-2026-02-20.1.log');
  expect(readdirSync(dir)).not.toContain('web-2026-02-20.1.log');
});

it('a process that starts again goes on in the same file, and two may write to one', () => {
  writeFileSync(join(dir, 'call-2026-03-01.1.log'), 'before\n');
  const first = openHere({ maxFileBytes: 1_000_000 });
  const second = openHere({ maxFileBytes: 1_000_000 });
  for (let i = 0; i < 200; i++) (i % 2 ? first : second).write(`${i} ${'x'.repeat(300)}\n`);
  expect(allLines()).toHaveLength(201);
  expect(allLines().filter((line) => /^\d+ x{300}$/.test(line))).toHaveLength(200);
  expect(readdirSync(dir)).toEqual(['call-2026-03-01.1.log']);
});

it('the last words of a process that is killed are in the file', async () => {
  const script = `
    import { openLogFiles } from ${JSON.stringify(join(import.meta.dirname, '../src/log-files.ts'))};
    const files = openLogFiles({ dir: ${JSON.stringify(dir)}, name: 'call', maxFileBytes: 1e6, keepDays: 7, onError: console.error });
    for (let i = 0; i < 50; i++) files.write('last words\\n');
    process.kill(process.pid, 'SIGKILL');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' });
  await once(child, 'exit');
  expect(child.signalCode).toBe('SIGKILL');
  expect(allLines()).toEqual(Array.from({ length: 50 }, () => 'last words'));
});

it('a folder that takes no file is told of once, ends nothing, and is written to again when it is back', () => {
  const told: Error[] = [];
  const files = openHere({ onError: (error) => told.push(error) });
  rmSync(dir, { recursive: true });
  writeFileSync(dir, 'a file in the place of the folder');
  for (let i = 0; i < 40; i++) files.write(`lost ${i}\n`);
  expect(told).toHaveLength(1);
  rmSync(dir);
  files.write('back\n');
  expect(allLines()).toEqual(['back']);
});
