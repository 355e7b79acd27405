import { ServiceError } from '../errors.ts';
import { sleep } from '../sleep.ts';
import type { CallDeps, Ending, OwnedCall } from './call-deps.ts';
import { callFacts } from './call-job.ts';
import type { Colleague } from './call-line.ts';
import { describeError } from './describe-error.ts';
import type { AnsweredCall } from './dial.ts';
import { noteWhileTheyTalk, whilePutThrough } from './put-through.ts';

/**
 * What Asterisk has played is not heard yet: the network and the callee's phone hold back a tenth of a second or two of it against jitter, and a hang-up would cut
 * that off our goodbye. Milliseconds.
 */
const SOUNDING_MS = 300;

/** From the answer to the hang-up. Whoever ends it, everything in the call ends at once, and the talk is kept. */
export async function converse(call: OwnedCall, answered: AnsweredCall, deps: CallDeps): Promise<Ending> {
  const { channel, line, audio, conversation, abort, answeredAt, crmContactId } = answered;
  const { job, campaign, attemptId } = call;
  job.progress('talking');
  job.log('answered');
  const onGone = () => abort.abort(channel.signal.reason instanceof ServiceError ? channel.signal.reason : new Error('the callee hung up'));
  channel.signal.addEventListener('abort', onGone, { once: true });
  if (channel.signal.aborted) onGone();
  channel.onDtmf(conversation.keyPressed);
  let legLost = false;
  void audio.leg.closed.then(({ error }) => {
    legLost = error !== undefined;
  });
  const apologise = async () => {
    const heard = !channel.signal.aborted && (await deps.apologyByAsterisk(channel, deps.readyLines.of(campaign).apology, job.signal));
    if (heard) job.log('Asterisk itself played the apology: the audio between it and us was dead');
  };
  const recording = campaign.recording ? await deps.openRecording(attemptId, audio).catch(noRecording(call, deps)) : undefined;
  try {
    await audio.join(channel.id);
    const { disposition, reason, transcript, error, answers, callBackAt, crmUpdate, messageLeft } = await conversation.run();
    const cutOff = disposition === 'failed' && isCutOff(error, deps);
    if (disposition === 'failed' && legLost && !cutOff) await apologise();
    if (disposition !== 'transferred') await sleep(SOUNDING_MS, AbortSignal.any([channel.signal, job.signal])).catch(() => {});
    const ending: Ending = {
      disposition: cutOff ? 'interrupted' : disposition,
      reason: cutOff ? `cut off: ${reason}` : reason,
      transcript,
      answers,
      callBackAt,
      crmUpdate,
      messageLeft,
      service: error?.service,
      answeredAt,
      endedAt: deps.now(),
      crmContactId,
      recording: recording?.file,
    };
    return disposition === 'transferred' && line.colleague ? await talkOn(call, answered, line.colleague, ending, deps) : ending;
  } catch (error) {
    deps.log.error({ ...callFacts(job), err: error }, 'conversation broke');
    const ended = channel.signal.aborted;
    const cutOff = isCutOff(error, deps);
    if (!ended && !cutOff) await apologise();
    return {
      disposition: cutOff ? 'interrupted' : ended ? 'hung-up' : 'failed',
      reason: cutOff ? `cut off: ${describeError(error)}` : ended ? 'the callee hung up' : describeError(error),
      transcript: conversation.transcript(),
      answeredAt,
      endedAt: deps.now(),
      crmContactId,
      recording: recording?.file,
    };
  } finally {
    abort.abort(new Error('the call is over'));
    // Whoever owns the call by now watches over a callee who was put through.
    const isTheirs = job.signal.aborted && line.putThrough;
    if (isTheirs) for (const one of [channel, line.colleague?.channel]) one?.letGo();
    await Promise.all([channel.hangup(), line.colleague?.channel.hangup(), isTheirs ? audio.leave() : audio.close()]);
    await recording?.close().catch(noRecording(call, deps));
  }
}

/** We leave the callee with a colleague, and only wait until they have talked. */
async function talkOn(
  call: OwnedCall,
  { channel, audio }: AnsweredCall,
  { name, channel: colleague, at }: Colleague,
  ending: Ending,
  deps: CallDeps,
): Promise<Ending> {
  const talk = new AbortController();
  const note = () =>
    deps.ledger.putThrough(call.attemptId, call.epoch, { to: name, calleeId: channel.id, colleagueId: colleague.id, at, ending });
  const onWait = (error: unknown) => deps.log.warn({ ...callFacts(call.job), err: error }, 'a transfer is not written down yet');
  void noteWhileTheyTalk(note, { signal: talk.signal, onWait });
  try {
    await audio.leave();
    const { reason, talkMs } = await whilePutThrough(call, { callee: channel, colleague, at }, deps);
    return { ...ending, reason: `${ending.reason}; ${reason}`, endedAt: deps.now(), putThrough: { to: name, talkMs } };
  } finally {
    talk.abort();
  }
}

/** Asterisk, or the way to it, went away in the middle of the talk. The callee didn't end it and heard no apology: they are called once more. */
function isCutOff(error: unknown, { telephony }: CallDeps): boolean {
  if (!(error instanceof ServiceError) || error.service !== 'asterisk') return false;
  return error.code === 'restarted' || telephony.unavailable() !== undefined;
}

/** A disk that is full costs the recording, not the call. */
function noRecording({ job }: OwnedCall, deps: CallDeps): (error: unknown) => undefined {
  return (error) => {
    job.log(`not recorded: ${describeError(error)}`);
    deps.log.warn({ ...callFacts(job), err: error }, 'recording failed');
    return undefined;
  };
}
