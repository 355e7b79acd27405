import type { Disposition } from '../call/outcome.ts';
import { ServiceError } from '../errors.ts';
import { watchAnswer } from './answered-by.ts';
import { holdDialogue } from './dialogue.ts';
import { type MachineClosing, meetMachine } from './meet-machine.ts';
import type { Talk } from './set-up-talk.ts';
import type { Spoken } from './speaking.ts';

/** After this many replies to the callee we know that we talk to a person. */
const TURNS_WITH_A_PERSON = 2;
/** Greetings of machines end before this. Milliseconds from the answer. */
const ANSWER_WATCH_MS = 60_000;

/** How the talk ends, and what is to be heard before. */
export interface Talked {
  disposition: Extract<Disposition, 'completed' | 'transferred' | 'silent' | 'interrupted' | 'failed'> | MachineClosing['disposition'];
  /** For a human. */
  reason: string;
  words: Spoken[];
  messageLeft?: true;
  error?: ServiceError;
}

/** Talks with whoever answers until there is a reason to end it; what breaks is one, too. Throws when the call is over. */
export async function holdTalk(talk: Talk): Promise<Talked> {
  const { ear, call } = talk;
  try {
    await ear.ready;
    call.over.throwIfAborted();
    ear.start();
    return await talkOrMeetMachine(talk);
  } catch (error) {
    call.over.throwIfAborted();
    return brokenOff(error, talk);
  }
}

/** We talk as to a person until a machine gives itself away. */
async function talkOrMeetMachine(talk: Talk): Promise<Talked> {
  const { ear, leg, call, ended, over, deaf, tally, machines, opening, now, log } = talk;
  const settled = () => tally.turns > TURNS_WITH_A_PERSON || now() > ANSWER_WATCH_MS;
  const watch = watchAnswer({ ear, leg, settled, signal: AbortSignal.any([call.over, ended.signal]) });
  talk.watch = watch;
  try {
    return await holdDialogue({ ...talk, over: AbortSignal.any([over, watch.signal]) });
  } catch (error) {
    const { machine } = watch;
    if (machine === undefined || over.aborted || deaf.aborted) throw error;
    log.info({ machine }, `answered by a machine: ${machine}`);
    const { voicemailMessage, introduction = opening } = machines;
    return (await meetMachine(machine, { ...talk, watch, voicemailMessage, introduction })) ?? (await holdDialogue(talk));
  }
}

/** The talk can't go on, for somebody's wish or for a fault. */
function brokenOff(error: unknown, { optOut, leave, lines, campaign, apology, log }: Talk): Talked {
  if (optOut.byKey.aborted && optOut.outcome) return { ...optOut.outcome, words: [lines.optedOut] };
  if (leave?.aborted) {
    const reason = 'we had to end the call: the worker was being stopped';
    return { disposition: 'interrupted', reason, words: [lines.leaving, campaign.goodbye] };
  }
  log.warn({ err: error }, 'the conversation can not go on');
  const words = [apology];
  if (error instanceof ServiceError) return { disposition: 'failed', reason: `${error.service}: ${error.message}`, words, error };
  return { disposition: 'failed', reason: error instanceof Error ? error.message : String(error), words };
}
