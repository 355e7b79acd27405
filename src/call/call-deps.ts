import type { Conversation, ConversationRequest } from '../conversation/conversation.ts';
import type { MediaLeg } from '../media/media-leg.ts';
import type { DoNotCall } from '../queue/do-not-call.ts';
import type { Ledger } from '../queue/ledger.ts';
import type { ParkWaiting } from '../queue/park-waiting.ts';
import type { Crm } from '../services/crm.ts';
import type { SpeechToText } from '../services/speech-to-text.ts';
import type { AdoptedTalk } from '../telephony/adopt-talk.ts';
import type { ChannelEnd, Dialler } from '../telephony/dialler.ts';
import type { ApologyByAsterisk } from './apology-by-asterisk.ts';
import type { CallJob } from './call-job.ts';
import type { Campaign } from './campaign.ts';
import type { Contact } from './contact.ts';
import type { LookAgain } from './look-again.ts';
import type { OpeningLines } from './opening-lines.ts';
import type { Disposition, Outcome, TranscriptEntry } from './outcome.ts';
import type { PutThrough } from './put-through.ts';
import type { ReadyLinesStore } from './ready-lines.ts';
import type { RedialRules } from './redial.ts';

/** A media leg in Asterisk, and the way to let a callee hear and be heard through it. */
export interface CallAudio {
  leg: MediaLeg;
  /** Puts the answered callee and the leg together. */
  join(channelId: string): Promise<void>;
  /** Records both sides from here on; folders are made. The file is whole when its `close` resolves, which never rejects. */
  record(path: string): { close(): Promise<{ error?: Error }> };
  /** Lets one more channel hear the callee and be heard. Rejects with a ServiceError. */
  add(channelId: string): Promise<void>;
  /** We fall silent and hear no more; who was joined stays together. Never rejects. */
  leave(): Promise<void>;
  /** Ends the leg and whatever joined it. Never rejects. */
  close(): Promise<void>;
}

export interface CallRecording {
  /** Below the recordings folder. */
  file: string;
  close(): Promise<void>;
}

/** Everything a call needs from outside. Wired in app.ts. */
export interface CallDeps {
  ledger: Ledger;
  campaigns: { load(name: string): Promise<Campaign | undefined> };
  telephony: {
    /** Undefined when calls can be placed now, else why not. */
    unavailable(): string | undefined;
    dialler: Dialler;
    /** Ends a channel of a former owner, if it still lives. Resolves when it is surely gone; throws a ServiceError when Asterisk doesn't say. */
    hangUp(channelId: string): Promise<void>;
    /** Of two whom a former owner had put together. Undefined when they don't talk any more; throws a ServiceError when Asterisk doesn't say. */
    adoptTalk(channels: { calleeId: string; colleagueId: string }): Promise<AdoptedTalk | undefined>;
    /** What a cause of an unanswered call means. */
    explain(end: ChannelEnd): { disposition: Disposition; reason: string; trunkFault: boolean };
  };
  openAudio(call: Pick<OwnedCall, 'attemptId' | 'epoch'>, signal: AbortSignal): Promise<CallAudio>;
  /** What a colleague says who picks up is understood by this. Undefined: they are judged by sound alone. */
  colleagueEars?: SpeechToText | undefined;
  openConversation(request: ConversationRequest, onTranscript: (entry: TranscriptEntry) => void): Conversation;
  openRecording(attemptId: string, audio: CallAudio): Promise<CallRecording>;
  openingLines: OpeningLines;
  readyLines: ReadyLinesStore;
  /** For a call whose media leg is dead. */
  apologyByAsterisk: ApologyByAsterisk;
  fences: CallFences;
  /** Parks the contacts of a campaign that are next in the queue. */
  parkWaiting: ParkWaiting;
  /** A call failed for ever, by no fault of the callee: humans are told. Never throws. */
  alertCallFailed(failed: {
    attempt: string;
    campaign: string;
    phone: string;
    reason: string;
    service?: string | undefined;
    at: number;
  }): void;
  /** Undefined when no CRM is configured. */
  crm: Crm | undefined;
  crmPatienceMs: number;
  /** Whether a spreadsheet gets a row for each call. */
  sheet: boolean;
  /** Whether a program elsewhere is told of each outcome. */
  outcomeWebhook: boolean;
  redial: RedialRules;
  doNotCall: DoNotCall;
  /** Has the queue look at this attempt now, when it waits for a later time. Never rejects. */
  lookNow(attemptId: string): Promise<void>;
  /** The redial that an outcome has left in the ledger gets its job now, not with the next sweep. Never throws. */
  redialWritten(): void;
  /** Aborts when this process can wait no longer for its calls: nothing new is dialled, what rings is hung up, talks end with a goodbye. */
  leave: AbortSignal;
  now(): number;
  log: {
    info(facts: object, message: string): void;
    warn(facts: object, message: string): void;
    error(facts: object, message: string): void;
  };
}

/** The breakers, as a call sees them. */
export interface CallFences {
  /** The first service of those that this campaign needs that isn't to be asked now. Synchronous: evaluated for every job. */
  refusing(campaign: Campaign): { service: string; since: number; reason: string } | undefined;
  /** These attempts were not placed because of this service. */
  heldBack(service: string, ...attemptIds: string[]): void;
  /** Waits until one more refused look is due: an outage costs a bounded number of looks a second, however many contacts are queued. */
  paceRefusal(signal: AbortSignal): Promise<void>;
  /** When contacts that were refused are looked at again. */
  lookAgain: LookAgain;
  /** The dial's way through the breaker of its trunk. Throws a ServiceError that is held back when the trunk isn't to be used. @param phone counted once when it is refused again and again. */
  enterTrunk(campaign: Pick<Campaign, 'dialString'>, phone?: string): Promise<TrunkPass>;
}

/** One dial over a trunk: exactly one of these ends it. */
export interface TrunkPass {
  /** The trunk's breaker is open: this dial is how it is found out whether it works again. */
  readonly trial: boolean;
  /** Whoever was called: the trunk carried the call. */
  worked(): void;
  /** What tells of the trunk and not of the callee. Without an end: Asterisk wouldn't even make a channel. */
  failed(reason: string, end?: { cause: number; techCause?: number | undefined }): void;
  /** The dial told nothing about the trunk. */
  untold(): void;
}

/** A call whose attempt is ours. */
export interface OwnedCall {
  attemptId: string;
  epoch: number;
  campaign: Campaign;
  contact: Contact;
  /** Unix milliseconds. */
  startedAt: number;
  job: CallJob;
  /** Taken over from a worker that had put the callee through to a colleague. */
  putThrough?: PutThrough | undefined;
}

/** What a step found out about how the attempt ended; wrapping up adds the rest. */
export type Ending = Pick<Outcome, 'disposition' | 'reason'> &
  Partial<Omit<Outcome, 'disposition' | 'reason'>> & {
    crmContactId?: string | undefined;
    /** Properties of the CRM's contact that the call has changed. */
    crmUpdate?: Record<string, string> | undefined;
    /** The service that failed it, if one did. */
    service?: string | undefined;
    /** A further attempt is due after this, whatever the redial rules say. Milliseconds. */
    redialInMs?: number | undefined;
  };
