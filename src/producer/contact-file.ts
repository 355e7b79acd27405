import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { UserError } from '../errors.ts';
import { type ContactLine, createFieldsReader, toContactLine, variablesOf } from './contact-columns.ts';
import { csvRecords } from './csv-records.ts';
import { checkEncoding, decodeText } from './decode-text.ts';
import { readJsonLines } from './json-lines.ts';
import { type Line, MAX_LINE_CHARACTERS, splitLines } from './lines.ts';

export interface ContactFile {
  /** For messages: the path, or "standard input". */
  name: string;
  /** Headers of the file; of the rejected file too. */
  headers: readonly string[];
  /** The variables that a column gives; undefined where every line has its own (JSON Lines). */
  variables: ReadonlySet<string> | undefined;
  /** Undefined for standard input. */
  sizeBytes: number | undefined;
  readBytes(): number;
  /** In the file's order, some hundred at a time. Reading stops when nobody asks for more. */
  lines: AsyncIterable<ContactLine[]>;
}

export interface ContactFileOptions {
  /** A path, or `-` for standard input. */
  path: string;
  stdin: Readable;
  encoding?: string | undefined;
  phoneColumn?: string | undefined;
}

/**
 * Opens CSV (comma, semicolon, tab or bar) or JSON Lines, and reads as far as the header.
 * A file is checked for its encoding to its end first, so that none is enqueued by halves; standard input can't be.
 * @throws UserError for what a human must mend before anything is enqueued.
 */
export async function openContactFile(options: ContactFileOptions): Promise<ContactFile> {
  const { path } = options;
  const encoding = options.encoding === undefined ? undefined : checkEncoding(options.encoding);
  const isStdin = path === '-';
  const name = isStdin ? 'standard input' : path;
  const sizeBytes = isStdin ? undefined : await regularSize(path);
  if (sizeBytes !== undefined) await checkText(path, encoding);
  let readBytes = 0;
  const bytes = async function* () {
    for await (const chunk of isStdin ? options.stdin : createReadStream(path, { highWaterMark: 256 * 1024 })) {
      readBytes += chunk.length;
      yield chunk as Buffer;
    }
  };
  const { firstLine, lines } = await peek(splitLines(decodeText(bytes(), { name, encoding })), name);
  const opened = firstLine.startsWith('{')
    ? { headers: ['record'], variables: undefined, lines: readJsonLines(lines, options.phoneColumn) }
    : await openCsv(firstLine, lines, name, options);
  return { name, sizeBytes, readBytes: () => readBytes, ...opened };
}

/** The size of a file; undefined for a pipe, which can't be read twice. */
async function regularSize(path: string): Promise<number | undefined> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) throw new UserError(`${path} is a folder; a file of contacts is needed.`);
    return found.isFile() ? found.size : undefined;
  } catch (error) {
    if (error instanceof UserError) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new UserError(`There is no contact file ${path}.`);
    throw new UserError(`The contact file ${path} can't be read: ${(error as Error).message}.`);
  }
}

async function checkText(path: string, encoding: string | undefined): Promise<void> {
  try {
    for await (const _ of decodeText(createReadStream(path), { name: path, encoding }));
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`The contact file ${path} can't be read: ${(error as Error).message}.`);
  }
}

/** Looks at the first line that says something, without taking it away. */
async function peek(lines: AsyncGenerator<Line[]>, name: string): Promise<{ firstLine: string; lines: AsyncIterable<Line[]> }> {
  for (;;) {
    const batch = await lines.next();
    if (batch.done) throw new UserError(`${name} is empty: there are no contacts in it.`);
    const at = batch.value.findIndex((line) => line.text.trim() !== '');
    if (at < 0) continue;
    const head = batch.value.slice(at);
    const all = (async function* () {
      yield head;
      yield* lines;
    })();
    const first = head[0];
    if (first?.tooLong) throw new UserError(`The first line of ${name} has more than ${MAX_LINE_CHARACTERS} characters. Is it a CSV file?`);
    return { firstLine: first?.text.trim() ?? '', lines: all };
  }
}

type Opened = Pick<ContactFile, 'headers' | 'variables' | 'lines'>;

async function openCsv(firstLine: string, lines: AsyncIterable<Line[]>, name: string, options: ContactFileOptions): Promise<Opened> {
  if (firstLine.startsWith('['))
    throw new UserError(`${name} is a JSON array; one object a line is needed. Convert it: jq -c '.[]' < FILE`);
  // Excel's own way to name the separator, in a line before the header.
  const told = /^"?sep=(.)"?$/i.exec(firstLine)?.[1];
  const records = csvRecords(told ? withoutFirst(lines) : lines, told ?? likelyDelimiter(firstLine));
  const batch = await records.next();
  const header = batch.done ? undefined : batch.value[0];
  if (!header || 'problem' in header)
    throw new UserError(`The header of ${name} can't be read: ${header ? header.problem : 'there is none'}.`);
  const headers = header.fields;
  const read = createFieldsReader(headers, { file: name, phoneColumn: options.phoneColumn });
  const rest = batch.done ? [] : batch.value.slice(1);
  const contactLines = async function* () {
    for await (const some of withFirst(rest, records)) {
      yield some.map((record): ContactLine => {
        if ('problem' in record) return { line: record.line, original: [record.text.slice(0, 1_000)], problem: record.problem };
        return toContactLine(record.line, record.fields, read(record.fields));
      });
    }
  };
  return { headers, variables: variablesOf(headers), lines: contactLines() };
}

function likelyDelimiter(header: string): string {
  const bare = header.replace(/"[^"]*"/g, '');
  const counted = [',', ';', '\t', '|'].map((delimiter) => ({ delimiter, count: bare.split(delimiter).length }));
  return counted.reduce((best, one) => (one.count > best.count ? one : best)).delimiter;
}

async function* withoutFirst(lines: AsyncIterable<Line[]>): AsyncGenerator<Line[]> {
  let isFirst = true;
  for await (const batch of lines) {
    yield isFirst ? batch.slice(1) : batch;
    isFirst = false;
  }
}

async function* withFirst<T>(first: T[], rest: AsyncIterable<T[]>): AsyncGenerator<T[]> {
  if (first.length > 0) yield first;
  yield* rest;
}
