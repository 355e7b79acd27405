import type { Conversation } from '../conversation/conversation.ts';
import type { CrmFile } from '../conversation/tools/crm.ts';
import { ServiceError } from '../errors.ts';
import type { CallChannel, DialResult } from '../telephony/dialler.ts';
import type { CallAudio, CallDeps, Ending, OwnedCall, TrunkPass } from './call-deps.ts';
import type { CallVerdict } from './call-job.ts';
import { createCallLine, type OwnedLine } from './call-line.ts';
import { channelId } from './channel-id.ts';
import { describeError, serviceOf } from './describe-error.ts';
import { dialString } from './dial-string.ts';
import { isHeldBack } from './held-back.ts';
import { optOutMeanwhile } from './opt-out.ts';
import { park, parkForService } from './park.ts';
import type { PreparedCall } from './prepare.ts';
import { redialAfterRefusal } from './redial.ts';
import { tellTrunk } from './tell-trunk.ts';

/** Somebody picked up. */
export interface AnsweredCall {
  channel: CallChannel;
  line: OwnedLine;
  audio: CallAudio;
  conversation: Conversation;
  answeredAt: number;
  crmContactId: string | undefined;
  /** Ends the conversation and everything in it. */
  abort: AbortController;
}

/** A dial that surely sent nothing may be made again, under a new epoch: this often. */
const NOT_SENT_RETRIES = 2;
/** How long a contact waits whose worker lost it: longer than a lease. Milliseconds. */
const LOST_RIGHT_MS = 30_000;

/** Media and conversation are ready before the phone rings; then create, mark, dial. */
export async function dial(call: OwnedCall, prepared: PreparedCall, deps: CallDeps): Promise<AnsweredCall | Ending | CallVerdict> {
  const abort = new AbortController();
  const signal = AbortSignal.any([abort.signal, call.job.signal]);
  let audio: CallAudio | undefined;
  try {
    audio = await deps.openAudio(call, signal);
    const line = createCallLine(call, audio, deps);
    const request = {
      campaign: { ...call.campaign, goodbye: prepared.goodbye },
      contact: prepared.contact,
      crm: crmFileOf(prepared, deps),
      opening: prepared.opening,
      machines: prepared.machines,
      leg: audio.leg,
      line,
      signal,
      leave: deps.leave,
      onOptOut: () => optOutMeanwhile(call, deps),
    };
    const conversation = deps.openConversation(request, ({ speaker, text, bargedIn }) => {
      if (call.campaign.transcript !== false) call.job.log(`${speaker}: ${text}${bargedIn ? ' …' : ''}`);
    });
    await conversation.ready;
    const trunk = await deps.fences.enterTrunk(call.campaign, call.contact.phone);
    const result = await dialChannel(call, AbortSignal.any([signal, deps.leave]), deps).catch((error: unknown) => {
      trunk.untold();
      throw error;
    });
    const refused = tellTrunk(trunk, result, deps);
    if (result.kind === 'answered') {
      const [answeredAt, { crmContactId }] = [deps.now(), prepared];
      line.answered(result.channel, { answeredAt, crmContactId });
      return { channel: result.channel, line, audio, conversation, abort, answeredAt, crmContactId };
    }
    abort.abort(new Error('nobody answered'));
    await audio.close();
    const ending = await unanswered(call, result, prepared, deps);
    return refused && 'disposition' in ending ? { ...ending, redialInMs: redialInMs(result, trunk, call, deps) } : ending;
  } catch (error) {
    abort.abort(error);
    await audio?.close();
    if (isHeldBack(error)) return parkForService(call, error, deps);
    // A media leg is asked for once, never twice. One that didn't come is no fault of this contact's, and nobody's phone has rung.
    if (error instanceof ServiceError && error.service === 'asterisk' && error.category === 'transient') {
      return parkForAsterisk(call, error, deps);
    }
    return {
      disposition: 'failed',
      reason: `the phone did not ring: ${describeError(error)}`,
      service: serviceOf(error),
      crmContactId: prepared.crmContactId,
    };
  }
}

/** What a trunk refused has rung nobody, and is no word of the callee's. */
function redialInMs(result: DialResult, { trial }: TrunkPass, { job, campaign }: OwnedCall, deps: CallDeps): number | undefined {
  if (result.kind === 'unanswered' && result.end.farEnd === 'rang') return undefined;
  return redialAfterRefusal({ attempt: job.data.attempt, trial, firstMs: deps.fences.lookAgain.next(campaign.name) - deps.now() });
}

/** A trunk that is offline is so under every epoch. */
function mayHelp({ category, code }: ServiceError): boolean {
  return category === 'transient' && code !== 'trunk-offline';
}

async function dialChannel(call: OwnedCall, signal: AbortSignal, deps: CallDeps): Promise<DialResult> {
  const installation = await deps.ledger.installation();
  for (let tries = 0; ; tries++) {
    const { attemptId, epoch, contact, campaign, job } = call;
    const result = await deps.telephony.dialler.dial({
      channelId: channelId(installation, attemptId, epoch),
      endpoint: dialString(campaign.dialString, contact.phone),
      callerId: campaign.callerId,
      answerTimeoutMs: campaign.limits.answerTimeoutMs,
      mark: () => deps.ledger.mark(attemptId, epoch),
      onProgress: (progress) => {
        job.progress(progress);
        job.log(progress);
      },
      signal,
    });
    if (result.kind !== 'not-sent') return result;
    job.log(`nothing was sent: ${describeError(result.error)}`);
    await deps.ledger.unmark(attemptId, epoch);
    if (tries === NOT_SENT_RETRIES || !mayHelp(result.error) || signal.aborted) return result;
    const claim = await deps.ledger.claim(attemptId, contact.phone).catch(() => ({ kind: 'unknown' as const }));
    if (claim.kind !== 'claimed' || claim.before !== 'claimed') return { kind: 'not-mine' };
    call.epoch = claim.epoch;
  }
}

async function unanswered(
  call: OwnedCall,
  result: Exclude<DialResult, { kind: 'answered' }>,
  prepared: PreparedCall,
  deps: CallDeps,
): Promise<Ending | CallVerdict> {
  const { crmContactId } = prepared;
  switch (result.kind) {
    case 'unanswered': {
      if (result.end.byUs && deps.leave.aborted)
        return { disposition: 'interrupted', reason: 'the phone was ringing when the worker was stopped', crmContactId };
      const { disposition, reason } = deps.telephony.explain(result.end);
      return { disposition, reason, hangupCause: result.end.cause, techCause: result.end.techCause, crmContactId };
    }
    case 'unknown':
      return {
        disposition: 'interrupted',
        reason: `Asterisk did not say whether the phone rang: ${describeError(result.error)}`,
        crmContactId,
      };
    case 'not-mine':
      // Marked or not, nothing was sent: when the attempt is still ours (a lease that was too old, a slow Redis), it is as if never begun.
      await deps.ledger.unmark(call.attemptId, call.epoch);
      return park(call, LOST_RIGHT_MS, 'this worker lost its right to the call before it dialled', deps);
    case 'not-sent':
      // Asterisk's word for an endpoint or trunk that it doesn't know: the campaign's fault. Anything else is no fault of this contact's.
      if (result.error.code === 'allocation-failed') {
        return {
          disposition: 'failed',
          reason: `Asterisk refused the dial string ${call.campaign.dialString}: ${result.error.message}`,
          crmContactId,
        };
      }
      return parkForAsterisk(call, result.error, deps);
  }
}

function parkForAsterisk(call: OwnedCall, error: unknown, deps: CallDeps): Promise<CallVerdict> {
  const waitMs = deps.fences.lookAgain.next(call.campaign.name) - deps.now();
  return park(call, waitMs, `Asterisk can't place calls now: ${describeError(error)}`, deps);
}

/** What the model may look up during the call. */
function crmFileOf({ contact, crmContactId }: PreparedCall, { crm }: CallDeps): CrmFile | undefined {
  if (crm === undefined) return undefined;
  return {
    async read(properties, signal) {
      const found = await crm.findContact({ crmId: crmContactId, phone: contact.phone, properties }, signal);
      return found?.properties;
    },
  };
}
