import type { Campaign } from '../call/campaign.ts';
import type { Contact } from '../call/contact.ts';
import type { TranscriptEntry } from '../call/outcome.ts';
import type { ServiceError } from '../errors.ts';
import type { MediaLeg } from '../media/media-leg.ts';
import type { LanguageModel } from '../services/language-model.ts';
import type { SpeechToText } from '../services/speech-to-text.ts';
import type { TextToSpeech } from '../services/text-to-speech.ts';
import type { VoiceAgent } from '../services/voice-agent.ts';
import type { CallLine } from './call-line.ts';
import type { ConversationState } from './dialogue.ts';
import { sayLastWords } from './ending.ts';
import { holdTalk, type Talked } from './hold-talk.ts';
import { agentLatencyFacts, latencyFacts, type TurnLatency } from './latency.ts';
import { type MachineLines, machineHungUp } from './meet-machine.ts';
import { isOptOut } from './opt-out-phrases.ts';
import type { ReadyLine, ReadyLines } from './ready-lines.ts';
import { setUpTalk, type Talk } from './set-up-talk.ts';
import type { BroughtHome } from './tools/campaign-tools.ts';
import type { CrmFile } from './tools/crm.ts';

export interface ConversationRequest {
  /**
   * `goodbye` must have its variables filled in. `goal` and `script` may keep theirs: the model is told to look the facts up,
   * and a contact's data doesn't become part of an instruction.
   */
  campaign: Pick<
    Campaign,
    | 'goal'
    | 'script'
    | 'goodbye'
    | 'apology'
    | 'language'
    | 'voice'
    | 'limits'
    | 'optOutKey'
    | 'answers'
    | 'callBack'
    | 'crm'
    | 'transfer'
    | 'ivr'
  >;
  contact: Contact;
  /** Where the campaign lets the model look into the CRM. */
  crm?: CrmFile | undefined;
  /** Spoken first, at once. */
  opening: ReadyLine;
  /** What is done with machines that answer: without it we hang up on mailboxes, and introduce ourselves to a screening service with the opening. */
  machines?: MachineLines | undefined;
  leg: MediaLeg;
  /** Without it nobody is put through, and no keys are pressed. */
  line?: CallLine | undefined;
  /** Aborts when the call is over, whoever hung up, or when nobody answered. */
  signal: AbortSignal;
  /** Aborts when we have to go in the middle of the talk: it then ends with a goodbye. */
  leave?: AbortSignal | undefined;
  /** The callee asks never to be called again. Called once, at the word, while the talk still goes on: it may break off before its end. */
  onOptOut?: (() => void) | undefined;
}

/** What listens and thinks: one service each, or one for both, which then speaks, too. */
export type ConversationAi = { speechToText: SpeechToText; languageModel: LanguageModel } | { voiceAgent: VoiceAgent };

export type ConversationDeps = ConversationAi & {
  /** With a voice agent: for lines that aren't the callee's. */
  textToSpeech: TextToSpeech;
  /** Lines that can be spoken while no service works. Default: none. */
  readyLines?: ReadyLines | undefined;
  /** How long the callee waits for our next words before we apologise and hang up. Milliseconds. Default: 12 s. */
  calleePatienceMs?: number | undefined;
  /** In the order in which it became known. */
  onTranscript?: ((entry: TranscriptEntry) => void) | undefined;
  onState?: ((state: ConversationState) => void) | undefined;
  log: {
    info(facts: object, message: string): void;
    warn(facts: object, message: string): void;
  };
};

export interface ConversationEnd extends BroughtHome {
  disposition: Talked['disposition'] | 'hung-up';
  /** For a human. */
  reason: string;
  transcript: TranscriptEntry[];
  /** An answering machine has our message on its tape. */
  messageLeft?: true;
  /** Replies of the agent, the opening not counted. */
  turns: number;
  /** How long the callee waited for each reply to their words. */
  latencies: readonly TurnLatency[];
  error?: ServiceError;
}

/** The talk with one callee. Made before the phone rings, so that nobody is rung whom we couldn't hear. */
export interface Conversation {
  /** Resolves when we can hear; rejects with a ServiceError. Wait for it before dialling. */
  readonly ready: Promise<void>;
  /**
   * Called once, at the answer. Resolves when everything was said and heard, or the call is over; hanging up is the
   * caller's. Never rejects.
   */
  run(): Promise<ConversationEnd>;
  /** The callee pressed a key of their phone. */
  keyPressed(key: string): void;
  /** What was said so far. */
  transcript(): TranscriptEntry[];
}

export function createConversation(request: ConversationRequest, deps: ConversationDeps): Conversation {
  const talk = setUpTalk(request, deps);
  return {
    ready: talk.ear.ready,
    run: () => run(talk),
    keyPressed(key) {
      if (key === request.campaign.optOutKey) talk.optOut.keyPressed();
    },
    transcript: () => talk.transcript.entries(),
  };
}

/** A conversation whose phone has been answered already. */
export async function converse(request: ConversationRequest, deps: ConversationDeps): Promise<ConversationEnd> {
  return createConversation(request, deps).run();
}

/** How it went, without what was said. */
type Going = Omit<ConversationEnd, 'transcript' | 'turns' | 'latencies'>;

async function run(talk: Talk): Promise<ConversationEnd> {
  const { clock, call, onState } = talk;
  clock.answered();
  let going: Going;
  try {
    const { words, ...talked } = await holdTalk(talk);
    going = talked;
    onState('ending');
    await sayLastWords(words, { ...talk, over: call.over });
  } catch {
    // Only the end of the call comes here.
    going = await call.ending();
    const machine = talk.watch?.machine;
    if (going.disposition === 'hung-up' && machine !== undefined) going = machineHungUp(machine);
  }
  return conclude(talk, going);
}

/** What the callee said last, while nobody waited for it, still counts. */
function conclude(
  { ear, ended, transcript, optOut, broughtHome, stopwatch, meter, tally, agent, log }: Talk,
  going: Going,
): ConversationEnd {
  const last = ear.halfHeard;
  ended.abort(new Error('the conversation has ended'));
  if (last) transcript.callee(last);
  if (last && isOptOut(last.text)) optOut.said();
  const final = { ...going, ...optOut.outcome, ...broughtHome };
  const { turns } = tally;
  const latency = latencyFacts(stopwatch.turns);
  const agentLatency = agentLatencyFacts(agent?.latencies ?? []);
  log.info(
    { disposition: final.disposition, turns, usage: meter.facts(), ...(latency && { latency }), ...(agentLatency && { agentLatency }) },
    `conversation ended: ${final.reason}`,
  );
  return { ...final, transcript: transcript.entries(), turns, latencies: stopwatch.turns };
}
