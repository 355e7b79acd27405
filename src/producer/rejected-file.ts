import { open, unlink } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { UserError } from '../errors.ts';

/** Lines that were not enqueued, with the reason, to be mended and enqueued in their turn. */
export interface RejectedFile {
  readonly path: string;
  write(line: number, reason: string, original: readonly string[]): Promise<void>;
  /** Writes what is left; a file without lines is removed. */
  close(): Promise<void>;
}

const FLUSH_CHARACTERS = 64 * 1024;

/** Beside the contact file; for standard input (`-`) in the current folder. */
export function rejectedPath(contactPath: string): string {
  if (contactPath === '-') return 'stdin.rejected.csv';
  return join(dirname(contactPath), `${basename(contactPath, extname(contactPath))}.rejected.csv`);
}

/**
 * Replaces the rejected file of an earlier run. It holds personal data, so only its owner may read it.
 * @throws UserError when it can't be written, before anything is enqueued.
 */
export async function createRejectedFile(path: string, headers: readonly string[]): Promise<RejectedFile> {
  const file = await open(path, 'w', 0o600).catch((error: Error) => {
    throw new UserError(
      `The file for rejected lines, ${path}, can't be written: ${error.message}. Make its folder writable, or copy the contacts to one that is.`,
    );
  });
  // With the byte order mark, spreadsheets read it as UTF-8.
  let waiting = `\ufeff${row(['line', 'reason', ...headers])}`;
  let count = 0;
  let isClosed = false;
  const flush = async () => {
    const text = waiting;
    waiting = '';
    await file.writeFile(text);
  };
  return {
    path,
    async write(line, reason, original) {
      waiting += row([String(line), reason, ...original]);
      count += 1;
      if (waiting.length > FLUSH_CHARACTERS) await flush();
    },
    async close() {
      if (isClosed) return;
      isClosed = true;
      if (count > 0) await flush();
      await file.close();
      if (count === 0) await unlink(path);
    },
  };
}

function row(cells: readonly string[]): string {
  return `${cells.map(cell).join(',')}\r\n`;
}

/** A cell that a spreadsheet would run as a formula gets an apostrophe before it, which makes it text (OWASP, "CSV Injection"). */
function cell(value: string): string {
  const safe = /^\s*[=+\-@|]/.test(value) || /^[\t\r\n]/.test(value) ? `'${value}` : value;
  return `"${safe.replaceAll('\0', '').replaceAll('"', '""')}"`;
}
