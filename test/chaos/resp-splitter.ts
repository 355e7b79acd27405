import { createHash } from 'node:crypto';
import { globSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Crossing, Piece, Splitter } from './fault-proxy.ts';

const CRLF = '\r\n';

/** Where the value that begins at `from` ends; -1 when it hasn't arrived yet. RESP2 and RESP3. */
function endOfValue(buffer: Buffer, from: number): number {
  const lineEnd = buffer.indexOf(CRLF, from);
  if (lineEnd < 0) return -1;
  const type = String.fromCharCode(buffer[from] ?? 0);
  const next = lineEnd + CRLF.length;
  const size = Number(buffer.toString('latin1', from + 1, lineEnd));
  if ('$=!'.includes(type)) {
    const end = size < 0 ? next : next + size + CRLF.length;
    return end <= buffer.length ? end : -1;
  }
  // An attribute comes before the value that it belongs to.
  const items = '*~>'.includes(type) ? size : type === '%' ? 2 * size : type === '|' ? 2 * size + 1 : 0;
  let end = next;
  for (let item = 0; item < items && end >= 0; item++) end = endOfValue(buffer, end);
  return end;
}

/** A command's words. Commands are always arrays of strings. */
function wordsOf(command: Buffer): string[] {
  const words: string[] = [];
  let at = command.indexOf(CRLF) + CRLF.length;
  while (at < command.length) {
    const lineEnd = command.indexOf(CRLF, at);
    const size = Number(command.toString('latin1', at + 1, lineEnd));
    words.push(command.toString('utf8', lineEnd + CRLF.length, lineEnd + CRLF.length + size));
    at = lineEnd + CRLF.length + size + CRLF.length;
  }
  return words;
}

const sha1 = (text: string) => createHash('sha1').update(text).digest('hex');

/** BullMQ's own, by their names. */
const bullScripts = Object.values(createRequire(import.meta.url)('bullmq/dist/cjs/scripts/index.js') as Record<string, unknown>);
const isScript = (value: unknown): value is { name: string; content: string } =>
  typeof value === 'object' && value !== null && 'content' in value;

/** Ours, by the names under which they are exported. */
const ourScripts: [string, unknown][] = [];
for (const file of globSync('../../src/**/*-scripts.ts', { cwd: import.meta.dirname })) {
  ourScripts.push(...Object.entries((await import(join(import.meta.dirname, file))) as Record<string, unknown>));
}

const scriptNames = new Map<string, string>([
  ...ourScripts.flatMap(([name, text]): [string, string][] => (typeof text === 'string' ? [[sha1(text), name]] : [])),
  ...bullScripts.filter(isScript).map(({ content, name }): [string, string] => [sha1(content), name]),
]);

/** `EVALSHA CLAIM`, `MOVE claimed dialing`, `HGETALL attempt`: the command and what kind of thing it touches, without ids. */
function nameOf([command = '', first = '', ...rest]: string[]): string {
  const verb = command.toUpperCase();
  if (verb === 'EVALSHA' || verb === 'EVAL') {
    const name = scriptNames.get(verb === 'EVAL' ? sha1(first) : first) ?? 'script';
    const states = rest.slice(1 + Number(rest[0])).filter((word) => /^(queued|claimed|dialing|ended)$/.test(word));
    return [name, ...states].join(' ');
  }
  return [verb, ...(first.includes(':') ? [first.split(':')[1]] : [])].join(' ');
}

/** Answered by a push message, which belongs to no request. */
const ANSWERED_BY_PUSH = /^P?(UN)?SUBSCRIBE\b/;

/** Redis' protocol: each command and each answer is a piece. */
export function createRespSplitter(): Splitter {
  const asked: string[] = [];
  const split = (take: (value: Buffer) => Crossing | undefined) => {
    let rest: Buffer = Buffer.alloc(0);
    return (chunk: Buffer): Piece[] => {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const pieces: Piece[] = [];
      for (;;) {
        const end = rest.length === 0 ? -1 : endOfValue(rest, 0);
        if (end < 0) return pieces;
        const bytes = rest.subarray(0, end);
        rest = rest.subarray(end);
        pieces.push({ bytes, crossing: take(bytes) });
      }
    };
  };
  return {
    toServer: split((command) => {
      const what = nameOf(wordsOf(command));
      if (!ANSWERED_BY_PUSH.test(what)) asked.push(what);
      return { what, side: 'request' };
    }),
    toClient: split((answer) => {
      if (answer[0] === '>'.charCodeAt(0)) return undefined;
      return { what: asked.shift() ?? 'nothing', side: 'answer' };
    }),
  };
}
