import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { loadOpenings } from '../../test/conversation/openings.ts';
import { framesOf, levelOf, pcmFrom } from './pcm.ts';

/** What is said by somebody, without noise, at 8 kHz. */
export interface Recording {
  name: string;
  pcm: Buffer;
}

/** A recording whose quietest frame is louder than this has noise of its own, and doesn't tell what is speech. dBFS. */
const NOISY_DB = -70;
/** Of a recording at its peak of -6 dBFS: what is louder than this is speech. dBFS. */
const SPEECH_DB = -36;
/** Pauses shorter than the detectors' own hang-over belong to the speech. Frames. */
export const PAUSE_FRAMES = 25;
/** A click of the recording is nothing that anybody said. Frames. */
const CLICK_FRAMES = 5;

/** These end with a beep, which is a sound that nobody says. */
const BEEPS = /^mailbox-carrier/;

/** The openings of the tests (espeak-ng), as far as they are clean. */
export function synthesizedVoices(): Recording[] {
  return loadOpenings()
    .filter(({ file, text, pcm }) => text !== '' && !BEEPS.test(file) && Math.min(...framesOf(pcm).map(levelOf)) < NOISY_DB)
    .map(({ file, pcm }) => ({ name: file, pcm }));
}

const PROMPTS = new URL('../../data/debian/asterisk/usr/share/asterisk/sounds/en_US_f_Allison/', import.meta.url).pathname;
/** Of the many prompts, some of several sentences and some short ones. */
const CHOSEN =
  /^(?:hello|goodbye|im-sorry|vm-(?:intro|goodbye|nobodyavail|mailboxfull|theperson)|demo-(?:thanks|nogo|echotest|abouttotry)|basic-pbx-ivr-main|dir-welcome|privacy-prompt|pls-hold-while-try|queue-periodic-announce|number-not-answering|something-terribly-wrong|tt-allbusy)\.gsm$/;

/**
 * A person's voice: prompts that come with Asterisk (one speaker), where `npm run test:asterisk` has unpacked one and sox is there to decode them. Otherwise none.
 */
export function humanVoices(): Recording[] {
  try {
    const files = readdirSync(PROMPTS).filter((name) => CHOSEN.test(name));
    return files.map((name) => ({ name, pcm: normalized(decoded(`${PROMPTS}${name}`)) }));
  } catch {
    return [];
  }
}

function decoded(file: string): Buffer {
  return execFileSync('sox', [file, '-r', '8000', '-c', '1', '-b', '16', '-e', 'signed', '-L', '-t', 'raw', '-'], { maxBuffer: 2 ** 24 });
}

function normalized(pcm: Buffer): Buffer {
  let peak = 1;
  for (let at = 0; at < pcm.length; at += 2) peak = Math.max(peak, Math.abs(pcm.readInt16LE(at)));
  const gain = (32_768 * 10 ** (-6 / 20)) / peak;
  return pcmFrom(pcm.length / 2, (i) => pcm.readInt16LE(i * 2) * gain);
}

export const isSpeech = (frame: Buffer) => levelOf(frame) > SPEECH_DB;

/** Where people speak, in frames: `to` is the first silent one. */
export interface Say {
  from: number;
  to: number;
}

export function saysOf(frames: Buffer[], pauseFrames = PAUSE_FRAMES): Say[] {
  const says: Say[] = [];
  frames.forEach((frame, at) => {
    if (!isSpeech(frame)) return;
    const last = says.at(-1);
    if (last && at - last.to < pauseFrames) last.to = at + 1;
    else says.push({ from: at, to: at + 1 });
  });
  return says.filter(({ from, to }) => to - from >= CLICK_FRAMES);
}
