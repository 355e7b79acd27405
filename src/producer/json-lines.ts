import { UserError } from '../errors.ts';
import { type ContactLine, createFieldsReader, type FieldsReader, toContactLine } from './contact-columns.ts';
import { type Line, MAX_LINE_CHARACTERS } from './lines.ts';
import { quoteFound } from './quote-found.ts';

/** What is kept of a line for the rejected file. */
const KEPT_CHARACTERS = 10_000;

type ReadersByKeys = (keys: string[]) => FieldsReader | string;

/** Contacts from one JSON object a line. */
export async function* readJsonLines(lines: AsyncIterable<Line[]>, phoneColumn: string | undefined): AsyncGenerator<ContactLine[]> {
  const readers = createReaders(phoneColumn);
  for await (const batch of lines) {
    yield batch.filter((line) => line.text.trim() !== '').map((line) => readJsonLine(line, readers));
  }
}

/** Most lines have the same keys, so what they mean is decided once a set of keys. */
function createReaders(phoneColumn: string | undefined): ReadersByKeys {
  const byKeys = new Map<string, FieldsReader | string>();
  return (keys) => {
    const id = JSON.stringify(keys);
    const known = byKeys.get(id);
    if (known) return known;
    let reader: FieldsReader | string;
    try {
      reader = createFieldsReader(keys, { file: 'the line', phoneColumn });
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      reader = error.message.replace(/\.$/, '');
    }
    // A hostile file has new keys in every line.
    if (byKeys.size >= 100) byKeys.clear();
    byKeys.set(id, reader);
    return reader;
  };
}

function readJsonLine(line: Line, readers: ReadersByKeys): ContactLine {
  const rejected = (problem: string): ContactLine => ({ line: line.number, original: [line.text.slice(0, KEPT_CHARACTERS)], problem });
  if (line.tooLong) return rejected(`the line is longer than ${MAX_LINE_CHARACTERS} characters`);
  let value: unknown;
  try {
    value = JSON.parse(line.text);
  } catch {
    return rejected('the line is not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return rejected('the line is not a JSON object');
  const entries = Object.entries(value).filter(([, field]) => field !== null);
  const nested = entries.find(([, field]) => typeof field === 'object');
  if (nested) return rejected(`the field ${quoteFound(nested[0])} is a list or an object; texts, numbers, true and false are taken`);
  const read = readers(entries.map(([key]) => key));
  if (typeof read === 'string') return rejected(read);
  return toContactLine(line.number, [line.text.slice(0, KEPT_CHARACTERS)], read(entries.map(([, field]) => String(field).trim())));
}
