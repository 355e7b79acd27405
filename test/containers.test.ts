import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { SETTINGS } from '../src/config.ts';

const read = (file: string) => readFileSync(file, 'utf8');

const compose = z
  .object({
    services: z.record(
      z.string(),
      z.object({
        command: z.array(z.string()).optional(),
        ports: z.array(z.string()).default([]),
        environment: z.record(z.string(), z.unknown()).default({}),
        volumes: z.array(z.string()).default([]),
        stop_grace_period: z.string(),
        healthcheck: z.object({ test: z.array(z.string()) }).optional(),
      }),
    ),
    volumes: z.record(z.string(), z.null()),
  })
  .parse(parse(read('docker-compose.yml')));
const services = Object.entries(compose.services);

test('the composed Redis keeps every acknowledged write and drops no key', () => {
  const command = compose.services.redis?.command?.join(' ');
  expect(command).toContain('--appendonly yes');
  expect(command).toContain('--appendfsync always');
  expect(command).toContain('--maxmemory-policy noeviction');
  expect(compose.services.redis?.volumes).toContain('redis:/data');
});

test('no composed service is reachable from another machine', () => {
  const published = services.flatMap(([, { ports }]) => ports);
  expect(published.length).toBeGreaterThan(0);
  expect(published.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
});

test('every worker that there is has a container, started from a file that exists', () => {
  const programs = services.flatMap(([, { command }]) => command?.filter((word) => word.startsWith('workers/')) ?? []);
  const alone = readdirSync('workers').filter((file) => !['all.ts', 'run-worker.ts'].includes(file));
  expect(programs.toSorted()).toEqual(alone.map((file) => `workers/${file}`).toSorted());
});

test('what compose sets for our workers are settings that exist', () => {
  for (const [name, { environment, command }] of services) {
    if (command?.[0] !== 'node') continue;
    for (const setting of Object.keys(environment)) expect(Object.keys(SETTINGS), `${name}: ${setting}`).toContain(setting);
  }
});

test('health checks of our containers ask whether the process lives, and nothing that an outage could change', () => {
  const ours = services.filter(([, { command }]) => command?.[0] === 'node');
  expect(ours.length).toBeGreaterThan(2);
  for (const [name, { healthcheck }] of ours) expect(healthcheck?.test.join(' '), name).toMatch(/\/livez'|data\/alive/);
});

test('the file of a living process passes the health check; a frozen one, and none at all, fail it', () => {
  const [kind, script = ''] = compose.services.worker?.healthcheck?.test ?? [];
  expect(kind).toBe('CMD-SHELL');
  const cwd = mkdtempSync(join(tmpdir(), 'ringfence-check-'));
  const passes = () => {
    try {
      execFileSync('sh', ['-c', script.replaceAll('$$', '$')], { cwd, stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  };
  expect(passes()).toBe(false);
  mkdirSync(join(cwd, 'data/alive'), { recursive: true });
  const mine = join(cwd, 'data/alive', `${hostname()}-1`);
  writeFileSync(join(cwd, 'data/alive', 'another-host-1'), '');
  expect(passes()).toBe(false);
  writeFileSync(mine, '');
  expect(passes()).toBe(true);
  const longAgo = new Date(Date.now() - 600_000);
  utimesSync(mine, longAgo, longAgo);
  expect(passes()).toBe(false);
  rmSync(cwd, { recursive: true });
});

test('what the images copy is there, and the ignore file lets it through', () => {
  const allowed = read('.dockerignore');
  for (const [, from = ''] of read('Dockerfile').matchAll(/^COPY (?!--from)(.+) \S+$/gm)) {
    for (const file of from.split(' ')) {
      expect(existsSync(file), file).toBe(true);
      expect(allowed).toContain(`!${file}\n`);
    }
  }
  for (const [, file = ''] of read('asterisk/Dockerfile').matchAll(/^COPY (\S+) /gm))
    expect(existsSync(join('asterisk', file)), file).toBe(true);
});

test('the image of Asterisk fills in every blank of its configuration that we leave', () => {
  const blanks = readdirSync('asterisk/etc').flatMap((file) =>
    [...read(`asterisk/etc/${file}`).matchAll(/@([A-Z_]+)@/g)].map(([, name]) => name),
  );
  const givenByImage = [...read('asterisk/Dockerfile').matchAll(/\b([A-Z_]+)=/g)].map(([, name]) => name);
  const givenAtStart = ['HOME', 'MODULES', 'ARI_PASSWORD'];
  expect([...new Set(blanks)].filter((name) => ![...givenByImage, ...givenAtStart].includes(name ?? ''))).toEqual([]);
});
