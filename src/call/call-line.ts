import type { CallLine } from '../conversation/call-line.ts';
import { ServiceError, serviceError } from '../errors.ts';
import type { CallChannel } from '../telephony/dialler.ts';
import type { CallAudio, Ending, OwnedCall } from './call-deps.ts';
import { ringColleague, type TransferDeps, type TransferringCall } from './ring-colleague.ts';

/** The line of a call from before it is dialled; it can be used once it is answered. */
export interface OwnedLine extends CallLine {
  answered(channel: CallChannel, facts: Partial<Ending>): void;
  /** Whom the callee was put through to. */
  readonly colleague: Colleague | undefined;
  /** Since it may have been written down to whom: whoever takes the call over lets them talk. */
  readonly putThrough: boolean;
}

export interface Colleague {
  name: string;
  channel: CallChannel;
  /** Since when the two talk. Unix milliseconds. */
  at: number;
}

export function createCallLine(
  call: TransferringCall & Pick<OwnedCall, 'job'>,
  audio: Pick<CallAudio, 'add'>,
  deps: TransferDeps,
): OwnedLine {
  let channel: CallChannel | undefined;
  let known: Partial<Ending> = {};
  let colleague: Colleague | undefined;
  let putThrough = false;

  return {
    answered(answeredChannel, facts) {
      channel = answeredChannel;
      known = facts;
    },
    get colleague() {
      return colleague;
    },
    get putThrough() {
      return putThrough;
    },
    async sendDtmf(keys) {
      if (channel === undefined) throw notAnswered();
      await channel.sendDtmf(keys);
    },
    async transfer({ target: name, announcement, signal }) {
      const target = call.campaign.transfer?.targets[name];
      if (channel === undefined || target === undefined) return { kind: 'unreached', reason: 'there is nobody of that name' };
      const wanted = AbortSignal.any([signal, channel.signal, call.job.signal, deps.leave]);
      const { id: calleeId } = channel;
      const note = (colleagueId: string) => {
        putThrough = true;
        return { to: name, calleeId, colleagueId, at: deps.now(), ending: known };
      };
      const result = await ringColleague({ call, target, announcement, calleeAudio: audio, note, signal: wanted, deps }).catch(
        (error: unknown) => ({
          kind: 'unreached' as const,
          reason: error instanceof ServiceError ? error.message : 'it was called off',
        }),
      );
      call.job.log(result.kind === 'connected' ? `put through to ${name}` : `${name} was not reached: ${result.reason}`);
      if (result.kind === 'unreached') {
        putThrough = false;
        return result;
      }
      if (call.job.signal.aborted) result.channel.letGo();
      colleague = { name, channel: result.channel, at: deps.now() };
      return { kind: 'connected' };
    },
  };
}

function notAnswered(): ServiceError {
  return serviceError('the line is not answered', { service: 'asterisk', code: 'not-answered', category: 'permanent' });
}
