import type { Campaign } from '../../call/campaign.ts';
import type { Contact } from '../../call/contact.ts';
import type { Answers } from '../../call/outcome.ts';
import type { Lines } from '../lines.ts';
import { createCallBack } from './call-back.ts';
import { createEndCall } from './end-call.ts';
import { createOptOut } from './opt-out.ts';
import { createRecordAnswers } from './record-answers.ts';
import type { Tool } from './tool.ts';

/** What the tools of one conversation have brought home. */
export interface BroughtHome {
  answers?: Answers;
  /** Unix milliseconds. */
  callBackAt?: number;
}

export interface CampaignToolsOptions {
  campaign: Pick<Campaign, 'answers' | 'callBack' | 'goodbye'>;
  contact: Pick<Contact, 'timeZones'>;
  lines: Pick<Lines, 'optedOut'>;
  /** Filled while the talk goes on: a call that breaks off keeps what it has. */
  broughtHome: BroughtHome;
  /** Unix milliseconds. */
  now?: () => number;
}

/** The tools that a campaign gives the model: one a file, each with what it needs. */
export function campaignTools({ campaign, contact, lines, broughtHome, now = Date.now }: CampaignToolsOptions): Tool[] {
  const { answers, callBack, goodbye } = campaign;
  const tools = [createEndCall(goodbye), createOptOut(lines.optedOut)];
  if (answers !== undefined && Object.keys(answers).length > 0)
    tools.push(
      createRecordAnswers(answers, (recorded) => {
        broughtHome.answers = recorded;
      }),
    );
  // Of a number that may be in several zones the first counts, and the model is told its time.
  const timeZone = callBack ? contact.timeZones[0] : undefined;
  if (timeZone !== undefined)
    tools.push(
      createCallBack({
        timeZone,
        now,
        onAgreed: (at) => {
          broughtHome.callBackAt = at;
        },
      }),
    );
  return tools;
}
