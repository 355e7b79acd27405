import { createHash } from 'node:crypto';
import { access } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { ReadyLine } from '../conversation/ready-lines.ts';
import type { CallChannel } from '../telephony/dialler.ts';
import { keepFile } from './keep-file.ts';

/** What Asterisk takes for raw PCM of this rate: the ending of a file's name. */
const ENDINGS = { 8000: 'sln', 16000: 'sln16', 24000: 'sln24' } as const;
/** Of Asterisk's own sounds, which every one has: "Sorry." "Please try your call later." */
const BUILT_IN: readonly string[] = ['sound:sorry', 'sound:please-try-call-later'];
/** Longer than any apology; an Asterisk that never says that it has played is not waited for. Milliseconds. */
const PLAY_MS = 30_000;

export interface ApologyByAsteriskOptions {
  /** Where the sound is written. */
  folder: string;
  /** The same folder as Asterisk sees it, when that is another path. */
  asAsteriskSees?: string | undefined;
  sampleRate: keyof typeof ENDINGS;
  log: { warn(facts: object, message: string): void };
}

/**
 * Has Asterisk play the apology, for a call whose audio to us is dead: from the file, and where it doesn't find that, in its own words.
 * Resolves with whether the callee heard either. Never rejects.
 */
export type ApologyByAsterisk = (channel: CallChannel, apology: ReadyLine | undefined, signal: AbortSignal) => Promise<boolean>;

export function createApologyByAsterisk({ folder, asAsteriskSees, sampleRate, log }: ApologyByAsteriskOptions): ApologyByAsterisk {
  async function soundOf({ pcm }: ReadyLine): Promise<string | undefined> {
    const name = `apology-${createHash('sha256').update(pcm).digest('hex').slice(0, 24)}`;
    const file = join(folder, `${name}.${ENDINGS[sampleRate]}`);
    try {
      await access(file).catch(() => keepFile(file, pcm));
      return `sound:${asAsteriskSees === undefined ? resolve(folder, name) : join(asAsteriskSees, name)}`;
    } catch (error) {
      log.warn({ err: error, file }, 'the apology could not be written down for Asterisk');
      return undefined;
    }
  }

  return async (channel, apology, signal) => {
    const until = AbortSignal.any([signal, AbortSignal.timeout(PLAY_MS)]);
    const sound = apology && (await soundOf(apology));
    if (sound !== undefined) {
      if (await channel.play([sound], until)) return true;
      if (!until.aborted && !channel.signal.aborted)
        log.warn(
          { channelId: channel.id, sound },
          'Asterisk could not play the apology: it must be able to read the folder of ASTERISK_SPEECH_DIR',
        );
    }
    return !until.aborted && !channel.signal.aborted && (await channel.play(BUILT_IN, until));
  };
}
