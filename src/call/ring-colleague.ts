import { randomUUID } from 'node:crypto';
import { ServiceError } from '../errors.ts';
import { sleep } from '../sleep.ts';
import type { CallChannel, DialResult } from '../telephony/dialler.ts';
import { type Aside, type AsideDeps, openAside } from './aside.ts';
import type { CallAudio, CallDeps, OwnedCall } from './call-deps.ts';
import type { Campaign, TransferTarget } from './campaign.ts';
import { partPrefix } from './channel-id.ts';
import { dialString } from './dial-string.ts';
import { NOTE_MS, type PutThrough } from './put-through.ts';
import { tellTrunk } from './tell-trunk.ts';

/** How long a colleague who has picked up waits for their announcement. It was begun before their phone rang. Milliseconds. */
const ANNOUNCEMENT_MS = 3_000;

/** What it needs to know of the call. */
export type TransferringCall = Pick<OwnedCall, 'attemptId' | 'epoch' | 'contact'> & {
  campaign: Pick<Campaign, 'callerId' | 'dialString' | 'language' | 'limits' | 'transfer'>;
};

/** What a transfer needs from outside. */
export interface TransferDeps extends AsideDeps, Pick<CallDeps, 'leave'> {
  fences: Pick<CallDeps['fences'], 'enterTrunk'>;
  ledger: Pick<CallDeps['ledger'], 'installation' | 'putThrough'>;
  telephony: Pick<CallDeps['telephony'], 'dialler' | 'explain'>;
}

export interface RingOptions {
  call: TransferringCall;
  target: TransferTarget;
  announcement: Promise<Buffer | undefined> | undefined;
  /** Where the callee is, with us. */
  calleeAudio: Pick<CallAudio, 'add'>;
  /** What is written down before the two hear each other. */
  note: (colleagueId: string) => PutThrough;
  /** Aborts when the callee is gone, or nobody is to be rung any more. */
  signal: AbortSignal;
  deps: TransferDeps;
}

export type Rung = { kind: 'connected'; channel: CallChannel } | { kind: 'unreached'; reason: string };

/**
 * Rings a colleague, tells them who is on the line, and puts them to the callee and us. Their channel belongs to the attempt, as everything of the call does.
 * Throws a ServiceError when Asterisk or the trunk can't be used; then nobody is left on the line.
 */
export async function ringColleague(options: RingOptions): Promise<Rung> {
  const { call, announcement, calleeAudio, signal, deps } = options;
  // As for the callee: a mouth first, then the phone rings.
  const aside = announcement && (await openAside(call, deps, signal).catch(withoutAnnouncement));
  let channel: CallChannel | undefined;
  let connected = false;
  try {
    const result = await dialColleague(options);
    if (result.kind !== 'answered') return { kind: 'unreached', reason: whyNot(result, deps) };
    channel = result.channel;
    const whole = AbortSignal.any([signal, channel.signal]);
    const listens = aside && announcement && (await announce(aside, channel, announcement, whole));
    if (listens === 'machine') return { kind: 'unreached', reason: 'an answering machine answered' };
    signal.throwIfAborted();
    if (channel.signal.aborted) return { kind: 'unreached', reason: 'they hung up before they were connected' };
    if (!(await noted(options, options.note(channel.id)))) return { kind: 'unreached', reason: 'another worker owns the call' };
    // From here on whoever takes the call over looks after them.
    connected = true;
    await calleeAudio.add(channel.id).catch(async (error: unknown) => {
      // A worker that stood still meanwhile gets no answer: another one has put them together, and theirs they stay.
      connected = !(await noted(options, undefined));
      if (!connected) throw error;
    });
    return { kind: 'connected', channel };
  } finally {
    await Promise.all([aside?.close(), connected ? undefined : channel?.hangup()]);
  }
}

/** False when the call is somebody else's. A ledger that is silent or refuses keeps nobody from talking. */
async function noted({ call, deps }: RingOptions, to: PutThrough | undefined): Promise<boolean> {
  const late = new AbortController();
  const written = deps.ledger.putThrough(call.attemptId, call.epoch, to).catch(() => true);
  const mine = await Promise.race([written, sleep(NOTE_MS, late.signal).catch(() => true)]);
  late.abort();
  return mine !== false;
}

async function dialColleague({ call, target, signal, deps }: RingOptions): Promise<DialResult> {
  const { campaign, contact } = call;
  const endpoint = 'endpoint' in target ? target.endpoint : dialString(campaign.dialString, target.number);
  const trunk = isOverTrunk(endpoint) ? await deps.fences.enterTrunk({ dialString: endpoint }) : undefined;
  const installation = await deps.ledger.installation();
  try {
    const result = await deps.telephony.dialler.dial({
      channelId: `${partPrefix(installation, 'colleague', call)}${randomUUID()}`,
      endpoint,
      // Carriers refuse numbers that aren't ours; a colleague's own phone may show who is coming.
      callerId: 'endpoint' in target ? contact.phone : campaign.callerId,
      answerTimeoutMs: campaign.transfer?.ringTimeoutMs ?? campaign.limits.answerTimeoutMs,
      // Nothing to write down: a colleague who is rung twice has not been called twice against their will.
      mark: async () => !signal.aborted,
      onProgress: () => {},
      signal,
    });
    if (trunk) tellTrunk(trunk, result, deps);
    return result;
  } catch (error) {
    trunk?.untold();
    throw error;
  }
}

function withoutAnnouncement(error: unknown): undefined {
  if (!(error instanceof ServiceError)) throw error;
}

/** `PJSIP/200` and `Local/200@internal` are phones of our own: their failures tell of one phone. */
function isOverTrunk(endpoint: string): boolean {
  return endpoint.includes('@') && !endpoint.startsWith('Local/');
}

function whyNot(result: Exclude<DialResult, { kind: 'answered' }>, deps: TransferDeps): string {
  switch (result.kind) {
    case 'unanswered':
      return deps.telephony.explain(result.end).reason;
    case 'not-mine':
      return 'it was called off';
    case 'not-sent':
    case 'unknown':
      return result.error.message;
  }
}

/** One sentence to the colleague alone. What keeps it from being heard keeps nobody from being connected. */
async function announce(
  aside: Aside,
  channel: CallChannel,
  announcement: Promise<Buffer | undefined>,
  signal: AbortSignal,
): Promise<'told' | 'machine'> {
  const nothing = () => undefined;
  const soon = Promise.race([announcement, sleep(ANNOUNCEMENT_MS, signal).then(nothing, nothing)]);
  try {
    return await aside.tell(channel.id, soon, signal);
  } catch (error) {
    withoutAnnouncement(error);
    return 'told';
  }
}
