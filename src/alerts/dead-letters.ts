import { appendFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ChannelName, Message } from './alert.ts';

/** One line of `dead-letters/alerts-<channel>.jsonl`. */
export interface DeadLetterLine {
  /** ISO 8601. */
  at: string;
  reason: string;
  message: Message;
}

/** Appends to the channel's file below `dir`. Only its owner may read it. */
export async function writeDeadLetter(dir: string, channel: ChannelName, line: DeadLetterLine): Promise<void> {
  await mkdir(dir, { recursive: true });
  await appendFile(join(dir, `alerts-${channel}.jsonl`), `${JSON.stringify(line)}\n`, { mode: 0o600 });
}
