import { parse } from 'csv-parse/sync';
import { type Line, MAX_LINE_CHARACTERS } from './lines.ts';

/** One record of a CSV file, with the line where it begins; or why a line is none. */
export type CsvRecord = { line: number; fields: string[] } | { line: number; problem: string; text: string };

/** A quoted field may hold line breaks. One that goes on for longer is a quote that somebody forgot to close. */
const MAX_RECORD_LINES = 50;

/**
 * Lines to records. csv-parse alone would lose, after one forgotten quote, everything up to the next one; here a line whose quotes don't
 * work out is given up by itself and reading goes on with the next line.
 */
export async function* csvRecords(lines: AsyncIterable<Line[]>, delimiter: string): AsyncGenerator<CsvRecord[]> {
  const waiting: Line[] = [];
  const reader = createReader(delimiter);
  for await (const batch of lines) {
    waiting.push(...batch);
    const { records, used } = reader.read(waiting, false);
    waiting.splice(0, used);
    if (records.length > 0) yield records;
  }
  const { records } = reader.read(waiting, true);
  if (records.length > 0) yield records;
}

function createReader(delimiter: string) {
  /** Fields of the header: what a record over several lines must have, or else its quotes closed by accident. */
  let columns: number | undefined;
  const blank = new RegExp(`^[\\s${delimiter === '|' ? '\\|' : delimiter}]*$`);

  return {
    /** Reads records up to the end of the lines, or up to one that may go on in lines to come. */
    read(lines: Line[], isEnd: boolean): { records: CsvRecord[]; used: number } {
      const records: CsvRecord[] = [];
      const quoted: { index: number; line: Line }[] = [];
      let at = 0;
      while (at < lines.length) {
        const line = lines[at];
        if (!line) break;
        let used = 1;
        if (line.tooLong)
          records.push({ line: line.number, problem: `the line is longer than ${MAX_LINE_CHARACTERS} characters`, text: line.text });
        else if (!line.text.includes('"')) {
          if (!blank.test(line.text)) records.push({ line: line.number, fields: line.text.split(delimiter).map((field) => field.trim()) });
        } else {
          const closing = closingLine(lines, at, delimiter);
          if (closing === undefined && !isEnd && lines.length - at < MAX_RECORD_LINES) break;
          if (closing === at && columns !== undefined) {
            quoted.push({ index: records.length, line });
            records.push({ line: line.number, fields: [] });
          } else {
            const record =
              closing === undefined ? undefined : readJoined(lines.slice(at, closing + 1), delimiter, closing > at ? columns : undefined);
            if (record && closing !== undefined) used = closing - at + 1;
            records.push(
              record ?? { line: line.number, problem: 'a quote in this line is not closed, or is in the wrong place', text: line.text },
            );
          }
        }
        at += used;
        const header = records[0];
        if (columns === undefined && header && 'fields' in header) columns = header.fields.length;
      }
      fillQuoted(records, quoted, delimiter);
      return { records, used: at };
    },
  };
}

/** The line at which the record that begins at `start` is outside of quotes again; undefined when none of those at hand. */
function closingLine(lines: Line[], start: number, delimiter: string): number | undefined {
  let inQuotes = false;
  for (let at = start; at < Math.min(lines.length, start + MAX_RECORD_LINES); at += 1) {
    const line = lines[at];
    if (!line || line.tooLong) return undefined;
    inQuotes = endsInQuotes(line.text, delimiter, inQuotes);
    if (!inQuotes) return at;
  }
  return undefined;
}

function endsInQuotes(text: string, delimiter: string, begins: boolean): boolean {
  let inQuotes = begins;
  let fieldStart = !begins;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (inQuotes) {
      if (character !== '"') continue;
      if (text[at + 1] === '"') at += 1;
      else inQuotes = false;
    } else if (character === delimiter) fieldStart = true;
    else if (character === '"' && fieldStart) {
      inQuotes = true;
      fieldStart = false;
    } else if (character !== ' ') fieldStart = false;
  }
  return inQuotes;
}

function readJoined(lines: Line[], delimiter: string, columns: number | undefined): CsvRecord | undefined {
  const first = lines[0];
  const fields = parseCsv(lines.map((line) => line.text).join('\n'), delimiter)?.[0];
  if (!first || !fields || (columns !== undefined && fields.length !== columns)) return undefined;
  return { line: first.number, fields };
}

/** csv-parse takes 10 µs a record for many at once and 55 µs for one, so many are tried first. */
function fillQuoted(records: CsvRecord[], quoted: { index: number; line: Line }[], delimiter: string): void {
  const together = quoted.length > 0 ? parseCsv(quoted.map(({ line }) => line.text).join('\n'), delimiter) : undefined;
  const isComplete = together?.length === quoted.length;
  for (const [place, { index, line }] of quoted.entries()) {
    const fields = isComplete ? together[place] : parseCsv(line.text, delimiter)?.[0];
    records[index] = fields
      ? { line: line.number, fields }
      : { line: line.number, problem: 'a quote in this line is in the wrong place', text: line.text };
  }
}

function parseCsv(text: string, delimiter: string): string[][] | undefined {
  try {
    return parse(text, { delimiter, record_delimiter: '\n', relax_quotes: true, relax_column_count: true, trim: true, max_record_size: 0 });
  } catch {
    return undefined;
  }
}
