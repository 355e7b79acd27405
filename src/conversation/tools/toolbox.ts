import type { Campaign } from '../../call/campaign.ts';
import type { Contact } from '../../call/contact.ts';
import type { Answers } from '../../call/outcome.ts';
import type { ModelTool } from '../../services/language-model.ts';
import { conversationTools, mistake, parseObject, type ToolCall, type ToolOrder } from '../tools.ts';
import { callBackTool, readCallBack, SCHEDULE_CALL_BACK } from './call-back.ts';
import { localTime } from './local-time.ts';
import { RECORD_ANSWERS, readAnswers, recordAnswersTool } from './record-answers.ts';

/** What the tools of one conversation have brought home. */
export interface BroughtHome {
  answers?: Answers;
  /** Unix milliseconds. */
  callBackAt?: number;
}

/** The tools that a campaign gives the model besides ending the call. */
export interface Toolbox {
  /** All tools, those that end the call too. Asked for at each reply: one of them tells the time. */
  tools(): ModelTool[];
  /** Does what a tool call asks for; undefined when the tool isn't of this box. Never throws. */
  run(call: ToolCall): Extract<ToolOrder, { kind: 'done' | 'mistake' }> | undefined;
  readonly broughtHome: BroughtHome;
}

export interface ToolboxOptions {
  campaign: Pick<Campaign, 'answers' | 'callBack'>;
  contact: Pick<Contact, 'timeZones'>;
  /** Unix milliseconds. */
  now?: () => number;
}

export function createToolbox({ campaign, contact, now = Date.now }: ToolboxOptions): Toolbox {
  const fields = campaign.answers !== undefined && Object.keys(campaign.answers).length > 0 ? campaign.answers : undefined;
  // Of a number that may be in several zones the first counts, and the model is told its time.
  const timeZone = campaign.callBack ? contact.timeZones[0] : undefined;
  const broughtHome: BroughtHome = {};

  function record(args: Record<string, unknown>): ReturnType<Toolbox['run']> {
    const read = readAnswers(fields ?? {}, args);
    if ('mistakes' in read) return refused(read.mistakes);
    broughtHome.answers = { ...broughtHome.answers, ...read.answers };
    const missing = Object.keys(fields ?? {}).filter((name) => !Object.hasOwn(broughtHome.answers ?? {}, name));
    return done({ recorded: read.answers, stillMissing: missing });
  }

  function callBack(args: Record<string, unknown>, zone: string): ReturnType<Toolbox['run']> {
    const read = readCallBack(args, zone, now());
    if ('mistakes' in read) return refused(read.mistakes);
    broughtHome.callBackAt = read.at;
    return done({ callBackAt: localTime(read.at, zone) });
  }

  return {
    broughtHome,
    tools: () => [
      ...conversationTools,
      ...(fields === undefined ? [] : [recordAnswersTool(fields)]),
      ...(timeZone === undefined ? [] : [callBackTool(timeZone, now())]),
    ],
    run({ name, arguments: json }) {
      const isOurs = (name === RECORD_ANSWERS && fields !== undefined) || (name === SCHEDULE_CALL_BACK && timeZone !== undefined);
      if (!isOurs) return undefined;
      const args = parseObject(json);
      if (args === undefined) return refused(['the arguments are not a JSON object']);
      return name === RECORD_ANSWERS ? record(args) : callBack(args, timeZone ?? 'UTC');
    },
  };
}

function done(output: object): { kind: 'done'; output: string } {
  return { kind: 'done', output: JSON.stringify(output) };
}

function refused(mistakes: readonly string[]) {
  return mistake(`Nothing was done: ${mistakes.join('; ')}. Call the tool again.`);
}
