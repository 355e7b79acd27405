import { closeSync, mkdirSync, openSync, readdirSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export interface LogFilesOptions {
  /** Made when it isn't there. */
  dir: string;
  /** Of the process, as a file's name begins: `call`. Processes that share a name share the files. */
  name: string;
  /** A file that has grown this long is followed by the next. Bytes. */
  maxFileBytes: number;
  /** Files older than that are removed when a new one begins. Days. */
  keepDays: number;
  /** A disk that is full or gone must not end a worker: it is told here, and lines are lost until there is room. Told once a minute at most. */
  onError: (error: Error) => void;
  now?: (() => number) | undefined;
}

export interface LogFiles {
  write(line: string): void;
  close(): void;
}

const DAY_MS = 86_400_000;
const TELL_EVERY_MS = 60_000;

/**
 * Lines into `<name>-<day>.<part>.log`: a new file each day (UTC) and whenever one is full; old ones go.
 *
 * Each line is one write that is done when `write` returns (some 5 µs): what was logged is there after any kind of death,
 * and several processes may append to the same file. Nothing is renamed, so `tail -f` and other processes keep what they
 * have open. pino-roll buffers, and each of its writers removes only files of its own.
 */
export function openLogFiles({ dir, name, maxFileBytes, keepDays, onError, now = Date.now }: LogFilesOptions): LogFiles {
  let current: { fd: number; day: string; part: number; bytes: number } | undefined;
  let toldAt = Number.NEGATIVE_INFINITY;

  const tell = (error: unknown) => {
    if (now() - toldAt < TELL_EVERY_MS) return;
    toldAt = now();
    onError(error instanceof Error ? error : new Error(String(error)));
  };
  const close = () => {
    if (current !== undefined) closeSync(current.fd);
    current = undefined;
  };
  const openNext = (day: string, from: number) => {
    close();
    mkdirSync(dir, { recursive: true });
    removeOld(dir, now() - keepDays * DAY_MS);
    const { path, part, bytes } = nextFile(dir, `${name}-${day}`, from, maxFileBytes);
    current = { fd: openSync(path, 'a', 0o640), day, part, bytes };
    return current;
  };
  const fileFor = (day: string) => {
    if (current?.day !== day) return openNext(day, 1);
    return current.bytes < maxFileBytes ? current : openNext(day, current.part + 1);
  };

  return {
    write(line) {
      try {
        const file = fileFor(dayOf(now()));
        file.bytes += writeSync(file.fd, line);
      } catch (error) {
        tell(error);
      }
    },
    close,
  };
}

function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

/** The first part, from the given one on, that has room. */
function nextFile(dir: string, stem: string, from: number, maxFileBytes: number): { path: string; part: number; bytes: number } {
  for (let part = from; ; part++) {
    const path = join(dir, `${stem}.${part}.log`);
    const bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    if (bytes < maxFileBytes) return { path, part, bytes };
  }
}

const OURS = /-\d{4}-\d{2}-\d{2}\.\d+\.log$/;

function removeOld(dir: string, before: number): void {
  for (const entry of readdirSync(dir).filter((file) => OURS.test(file))) {
    const path = join(dir, entry);
    // Another process may be faster.
    if ((statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? before) < before) rmSync(path, { force: true });
  }
}
