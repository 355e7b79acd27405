import type { Campaign } from '../../call/campaign.ts';
import type { Contact } from '../../call/contact.ts';
import type { Answers } from '../../call/outcome.ts';
import type { CallLine } from '../call-line.ts';
import type { Lines } from '../lines.ts';
import { createCallBack } from './call-back.ts';
import { type CrmFile, createLookUpCrm, createUpdateCrm } from './crm.ts';
import { createEndCall } from './end-call.ts';
import { createOptOut } from './opt-out.ts';
import { createRecordAnswers } from './record-answers.ts';
import { createSendDtmf } from './send-dtmf.ts';
import type { Tool } from './tool.ts';
import { createTransfer, type TransferOptions } from './transfer.ts';

/** What the tools of one conversation have brought home. */
export interface BroughtHome {
  answers?: Answers;
  /** Unix milliseconds. */
  callBackAt?: number;
  /** Properties of the CRM's contact that are to change. */
  crmUpdate?: Record<string, string>;
}

export interface CampaignToolsOptions {
  campaign: Pick<Campaign, 'answers' | 'callBack' | 'goodbye' | 'transfer' | 'ivr' | 'crm'>;
  contact: Pick<Contact, 'timeZones' | 'name'>;
  lines: Pick<Lines, 'optedOut' | 'connecting' | 'notReached' | 'announcing' | 'somebody'>;
  line?: CallLine | undefined;
  /** What is heard of a transfer. */
  sound?: Pick<TransferOptions, 'ringTone' | 'render'> | undefined;
  /** Undefined where there is no CRM. */
  crm?: CrmFile | undefined;
  /** Filled while the talk goes on: a call that breaks off keeps what it has. */
  broughtHome: BroughtHome;
  /** Unix milliseconds. */
  now?: () => number;
}

/** The tools that a campaign gives the model: one a file, each with what it needs. */
export function campaignTools({ campaign, contact, lines, broughtHome, line, sound, crm, now = Date.now }: CampaignToolsOptions): Tool[] {
  const { answers, callBack, goodbye, transfer } = campaign;
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
  const access = crm && campaign.crm;
  if (access && access.read.length > 0) tools.push(createLookUpCrm(access, crm));
  if (access && access.update.length > 0)
    tools.push(
      createUpdateCrm(access, (changes) => {
        broughtHome.crmUpdate = changes;
      }),
    );
  if (line !== undefined && sound !== undefined && transfer !== undefined)
    tools.push(createTransfer({ rules: transfer, line, lines, calleeName: contact.name ?? lines.somebody, ...sound }));
  if (line !== undefined && campaign.ivr === 'press-keys') tools.push(createSendDtmf(line));
  return tools;
}
