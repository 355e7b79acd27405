import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const EDGES = ['queue', 'telephony', 'media', 'services', 'alerts', 'delivery', 'web'];

interface Import {
  from: string;
  /** A file of ours, relative to the project, or a package's name. */
  to: string;
  typeOnly: boolean;
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8');
  const statements = text.matchAll(/^(import|export)\s+(type\s)?([^;'"]*?\sfrom\s)?['"]([^'"]+)['"]|\bimport\(['"]([^'"]+)['"]\)/gm);
  return [...statements].map(([, , type, names = '', target = '', lazy = '']) => {
    const to = target || lazy;
    const allTypes =
      /^\{[^}]*\}\sfrom\s$/.test(names) &&
      names
        .replace(/[{}]|\sfrom\s/g, '')
        .split(',')
        .every((name) => /^\s*(type\s|$)/.test(name));
    return {
      from: file,
      to: to.startsWith('.') ? relative(root, join(root, dirname(file), to)) : to,
      typeOnly: type !== undefined || allTypes,
    };
  });
}

const sources = globSync('src/**/*.ts', { cwd: root });
const imports = sources.flatMap(importsOf);
const partOf = (file: string) => /^src\/([^/]+)\//.exec(file)?.[1] ?? 'root';
const between = (from: (part: string) => boolean, to: (part: string) => boolean) =>
  imports.filter((one) => one.to.startsWith('src/') && from(partOf(one.from)) && to(partOf(one.to)));
const told = (found: Import[]) => found.map(({ from, to }) => `${from} -> ${to}`);

it('the reader of imports sees them (else every rule below would hold of nothing)', () => {
  expect(imports.filter(({ from, to }) => from === 'src/call/run-call.ts' && to === 'src/call/admit.ts')).toHaveLength(1);
  expect(imports.some(({ to, typeOnly }) => to === 'src/services/crm.ts' && typeOnly)).toBe(true);
  expect(imports.some(({ to }) => to === 'ioredis')).toBe(true);
});

it('edges never import each other, and the producer, which stands beside the call, imports none', () => {
  const crossing = between(
    (part) => EDGES.includes(part) || part === 'producer',
    (part) => EDGES.includes(part),
  ).filter(({ from, to }) => partOf(from) !== partOf(to));
  expect(told(crossing)).toEqual([]);
});

it('the call and the conversation see the edges as types only', () => {
  const runtime = between(
    (part) => part === 'call' || part === 'conversation',
    (part) => [...EDGES, 'resilience'].includes(part),
  ).filter(({ typeOnly }) => !typeOnly);
  expect(told(runtime)).toEqual([]);
});

it('imports run one way: app, call, conversation, and the edges take no more than types from them', () => {
  const upwards = between(
    (part) => [...EDGES, 'resilience', 'conversation'].includes(part),
    (part) => part === 'call',
  ).filter(({ typeOnly }) => !typeOnly);
  const edgesTalk = between(
    (part) => [...EDGES, 'resilience'].includes(part),
    (part) => part === 'conversation',
  ).filter(({ typeOnly }) => !typeOnly);
  const wiring = imports.filter(({ from, to }) => to === 'src/app.ts' && from !== 'src/app.ts');
  expect(told([...upwards, ...edgesTalk, ...wiring])).toEqual([]);
});

it('the product never imports the sandbox, nor the sandbox the product', () => {
  const outward = between(
    (part) => part !== 'sandbox' && part !== 'root',
    (part) => part === 'sandbox',
  );
  const inward = between(
    (part) => part === 'sandbox',
    (part) => part !== 'sandbox' && part !== 'root',
  ).filter(({ typeOnly }) => !typeOnly);
  expect(told([...outward, ...inward])).toEqual([]);
});

it('only the edges, resilience and the sandbox import packages', () => {
  const vendor = imports.filter(
    ({ from, to }) => !to.startsWith('src/') && !to.startsWith('node:') && ['call', 'conversation'].includes(partOf(from)),
  );
  expect(told(vendor)).toEqual([]);
});

it('the environment is read in one file', () => {
  const readers = sources.filter((file) => /process\.env/.test(readFileSync(join(root, file), 'utf8')));
  expect(readers).toEqual(['src/config.ts']);
});
