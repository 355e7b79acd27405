import type { CallLine } from '../conversation/call-line.ts';
import { ServiceError, serviceError } from '../errors.ts';
import type { CallChannel } from '../telephony/dialler.ts';
import type { CallAudio, OwnedCall } from './call-deps.ts';
import { ringColleague, type TransferDeps, type TransferringCall } from './ring-colleague.ts';

/** The line of a call from before it is dialled; it can be used once it is answered. */
export interface OwnedLine extends CallLine {
  answered(channel: CallChannel): void;
  /** Whom the callee was put through to. */
  readonly colleague: CallChannel | undefined;
}

export function createCallLine(
  call: TransferringCall & Pick<OwnedCall, 'job'>,
  audio: Pick<CallAudio, 'add'>,
  deps: TransferDeps,
): OwnedLine {
  let channel: CallChannel | undefined;
  let colleague: CallChannel | undefined;

  return {
    answered(answeredChannel) {
      channel = answeredChannel;
    },
    get colleague() {
      return colleague;
    },
    async sendDtmf(keys) {
      if (channel === undefined) throw notAnswered();
      await channel.sendDtmf(keys);
    },
    async transfer({ target: name, announcement, signal }) {
      const target = call.campaign.transfer?.targets[name];
      if (channel === undefined || target === undefined) return { kind: 'unreached', reason: 'there is nobody of that name' };
      const wanted = AbortSignal.any([signal, channel.signal, call.job.signal, deps.leave]);
      const result = await ringColleague({ call, target, announcement, calleeAudio: audio, signal: wanted, deps }).catch(
        (error: unknown) => ({
          kind: 'unreached' as const,
          reason: error instanceof ServiceError ? error.message : 'it was called off',
        }),
      );
      call.job.log(result.kind === 'connected' ? `put through to ${name}` : `${name} was not reached: ${result.reason}`);
      if (result.kind === 'unreached') return result;
      colleague = result.channel;
      return { kind: 'connected' };
    },
  };
}

function notAnswered(): ServiceError {
  return serviceError('the line is not answered', { service: 'asterisk', code: 'not-answered', category: 'permanent' });
}
