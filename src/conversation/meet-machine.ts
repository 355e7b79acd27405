import type { OpeningLine } from '../call/opening-lines.ts';
import type { Disposition } from '../call/outcome.ts';
import type { AnswerWatch, Machine } from './answered-by.ts';
import type { Lines } from './lines.ts';
import type { Ear } from './listening.ts';
import { machineWords, screeningAnswer } from './machine-phrases.ts';
import { isOptOut } from './opt-out-phrases.ts';
import { type MenuContext, passMenu } from './pass-menu.ts';
import type { Voice } from './speaking.ts';
import type { Transcript } from './transcript.ts';
import { whenAborted } from './when-aborted.ts';

/** Greetings longer than this, without a beep, are no greetings. Milliseconds. */
const BEEP_WAIT_MS = 45_000;
/** Quiet for so long: this machine doesn't beep, or its beep was missed. Milliseconds. */
const QUIET_INSTEAD_OF_BEEP_MS = 3_000;
/** From the beep's end: so late a message is still one to it. Milliseconds. */
const BEEP_STILL_FRESH_MS = 5_000;
/** Machines begin to record a moment after their beep. Milliseconds. */
const AFTER_BEEP_MS = 200;
/** How long a screening service may ask its owner. Milliseconds. */
const SCREENING_MS = 40_000;
/** A service that asks for name and purpose a second time gets them a second time. */
const MAX_INTRODUCTIONS = 2;
/** A question of more than this is waited for no longer. Milliseconds. */
const QUESTION_MS = 10_000;

/** What machines get to hear, rendered beforehand. */
export interface MachineLines {
  /** Spoken after the beep of a mailbox; undefined: hang up. */
  voicemailMessage?: OpeningLine | undefined;
  /** Who calls and why, in one go, for a screening service. Without it it hears the opening. */
  introduction?: OpeningLine | undefined;
}

export interface MachineContext {
  voicemailMessage: OpeningLine | undefined;
  introduction: OpeningLine;
  watch: AnswerWatch;
  ear: Ear;
  voice: Voice;
  transcript: Transcript;
  lines: Lines;
  onOptOut: () => void;
  /** Aborts when the call is over. */
  over: AbortSignal;
}

export interface MachineClosing {
  disposition: Extract<Disposition, 'voicemail' | 'screened' | 'ivr' | 'fax' | 'opted-out'>;
  reason: string;
  words: string[];
  /** An answering machine has our message on its tape. */
  messageLeft?: true;
}

/** Does what the campaign wants done with this machine. Undefined: it has put us through to a person. Throws when the call is over. */
export async function meetMachine(machine: Machine, context: MenuContext): Promise<MachineClosing | undefined> {
  switch (machine) {
    case 'voicemail':
      return leaveMessage(context);
    case 'screening':
      return passScreening(context);
    case 'ivr': {
      if (context.campaign.ivr !== 'press-keys') return { disposition: machine, reason: WHAT[machine], words: [] };
      const passed = await passMenu(context);
      return passed === 'voicemail' ? leaveMessage(context) : passed;
    }
    case 'fax':
      return { disposition: machine, reason: WHAT[machine], words: [] };
  }
}

const WHAT: Record<Machine, string> = {
  voicemail: 'an answering machine answered',
  screening: 'a call-screening service answered and did not put us through',
  ivr: 'a menu of keys answered, no person',
  fax: 'a fax machine answered',
};

/** How a call ended in which the machine hung up first. */
export function machineHungUp(machine: Machine): Pick<MachineClosing, 'disposition' | 'reason'> {
  const disposition = machine === 'screening' ? 'screened' : machine;
  return { disposition, reason: `${WHAT[machine]}, and hung up` };
}

async function leaveMessage(context: MachineContext): Promise<MachineClosing> {
  const { voicemailMessage, watch, ear, transcript, over } = context;
  const closing = (what: string): MachineClosing => ({ disposition: 'voicemail', reason: `${WHAT.voicemail}; ${what}`, words: [] });
  if (voicemailMessage === undefined) return closing('hung up, as the campaign wants it');
  const beeped = await untilBeep(watch, over);
  const greeting = ear.halfHeard;
  if (greeting !== undefined) transcript.callee(ear.takeWords() ?? greeting);
  await sayWhole(voicemailMessage, context);
  const left = closing(beeped ? 'a message was left after the beep' : 'a message was left when its greeting had ended, no beep was heard');
  return { ...left, messageLeft: true };
}

/** Says a line to its end, whatever is heard meanwhile, and takes it down. */
async function sayWhole(line: OpeningLine, { voice, transcript, over }: MachineContext): Promise<void> {
  const said = await voice.say([line], over);
  if (said.text !== '') transcript.agent({ text: said.text, atMs: said.startedAtMs ?? 0, bargedIn: false });
  over.throwIfAborted();
  if (said.error !== undefined) throw said.error;
}

/** Resolves with whether there was a beep. Time is counted in the callee's own audio. */
function untilBeep(watch: AnswerWatch, over: AbortSignal): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let waitedMs = 0;
    const finish = () => {
      unlisten();
      unsubscribe();
    };
    const unlisten = whenAborted(over, () => {
      finish();
      reject(over.reason);
    });
    const unsubscribe = watch.onFrame(() => {
      waitedMs += 20;
      const { beepEndedMsAgo: agoMs, quietMs } = watch;
      const beeped = agoMs !== undefined && agoMs >= AFTER_BEEP_MS && agoMs <= BEEP_STILL_FRESH_MS;
      if (!beeped && quietMs < QUIET_INSTEAD_OF_BEEP_MS && waitedMs < BEEP_WAIT_MS) return;
      finish();
      resolve(beeped);
    });
  });
}

async function passScreening(context: MachineContext): Promise<MachineClosing | undefined> {
  const { ear, transcript, introduction, lines, over, watch } = context;
  const declined: MachineClosing = { disposition: 'screened', reason: WHAT.screening, words: [] };
  /** What is said next, taken down; undefined after silence. */
  const listen = async (silenceMs: number): Promise<string | undefined> => {
    const turn = await ear.turn({ silenceMs, signal: over });
    if (turn.kind === 'said') transcript.callee(turn);
    return turn.kind === 'said' ? turn.text : undefined;
  };

  let question = await listen(QUESTION_MS);
  for (let introductions = 0; introductions < MAX_INTRODUCTIONS; introductions++) {
    if (question !== undefined && machineWords(question) === 'voicemail') return leaveMessage(context);
    await sayWhole(introduction, context);
    const askedAt = performance.now();
    const leftMs = () => SCREENING_MS - (performance.now() - askedAt);
    question = undefined;
    while (question === undefined) {
      if (leftMs() <= 0) return declined;
      const text = await listen(leftMs());
      if (text === undefined) continue;
      if (isOptOut(text)) {
        context.onOptOut();
        return { disposition: 'opted-out', reason: 'the callee asked not to be called again', words: [lines.optedOut] };
      }
      const words = machineWords(text);
      if (words === 'voicemail') return leaveMessage(context);
      if (words === 'screening') question = text;
      else if (screeningAnswer(text) === 'declined') return declined;
      else if (screeningAnswer(text) === 'person') {
        watch.dismiss();
        return undefined;
      }
    }
  }
  return declined;
}
