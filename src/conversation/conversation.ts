import type { Campaign } from '../call/campaign.ts';
import type { Contact } from '../call/contact.ts';
import type { Disposition, TranscriptEntry } from '../call/outcome.ts';
import { ServiceError } from '../errors.ts';
import type { MediaLeg } from '../media/media-leg.ts';
import type { LanguageModel } from '../services/language-model.ts';
import type { SpeechToText } from '../services/speech-to-text.ts';
import type { TextToSpeech } from '../services/text-to-speech.ts';
import type { VoiceAgent } from '../services/voice-agent.ts';
import { type AgentTalk, createAgentTalk } from './agent-talk.ts';
import { type AnswerWatch, watchAnswer } from './answered-by.ts';
import { beginEarly } from './begin-reply.ts';
import type { CallLine } from './call-line.ts';
import { watchCall } from './call-over.ts';
import { createMeter } from './cost.ts';
import { type ConversationState, holdDialogue } from './dialogue.ts';
import { createEarlyReplies, NO_EARLY_REPLIES } from './early-reply.ts';
import { sayLastWords } from './ending.ts';
import { instructions } from './instructions.ts';
import { createStopwatch, latencyFacts, type TurnLatency } from './latency.ts';
import { linesFor } from './lines.ts';
import { createEar } from './listening.ts';
import { type MachineLines, machineHungUp, meetMachine } from './meet-machine.ts';
import { isOptOut } from './opt-out-phrases.ts';
import { createPatience } from './patience.ts';
import { NOTHING_READY, type ReadyLine, type ReadyLines } from './ready-lines.ts';
import { playRingTone } from './ring-tone.ts';
import { createVoice, type Spoken } from './speaking.ts';
import { type BroughtHome, campaignTools } from './tools/campaign-tools.ts';
import type { CrmFile } from './tools/crm.ts';
import { OPT_OUT } from './tools/opt-out.ts';
import { createToolbox } from './tools/toolbox.ts';
import { createTranscript, type Transcript } from './transcript.ts';

/** After this many replies to the callee we know that we talk to a person. */
const TURNS_WITH_A_PERSON = 2;
/** Greetings of machines end before this. Milliseconds from the answer. */
const ANSWER_WATCH_MS = 60_000;

const OPTED_OUT = { disposition: 'opted-out', reason: 'the callee asked not to be called again' } as const;
const OPTED_OUT_BY_KEY = { disposition: 'opted-out', reason: 'the callee pressed the key that opts out' } as const;

/** How the talk ends, and what is to be heard before. */
interface Talked {
  disposition: ConversationEnd['disposition'];
  reason: string;
  words: Spoken[];
  messageLeft?: true;
  error?: ServiceError;
}

/** See `calleePatienceMs`. */
const CALLEE_PATIENCE_MS = 12_000;

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
  disposition: Extract<
    Disposition,
    'completed' | 'hung-up' | 'opted-out' | 'transferred' | 'silent' | 'interrupted' | 'failed' | 'voicemail' | 'screened' | 'ivr' | 'fax'
  >;
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
  const { contact, opening, leg } = request;
  const { log, textToSpeech, onState = () => {}, readyLines = NOTHING_READY } = deps;
  const { language, voice: voiceId } = request.campaign;
  const lines = linesFor(language);
  const campaign = { ...request.campaign, goodbye: speakableGoodbye(request.campaign.goodbye, lines.goodbye) };
  let answeredAt: number | undefined;
  const now = () => (answeredAt === undefined ? 0 : performance.now() - answeredAt);

  const call = watchCall(leg, request.signal);
  const finished = new AbortController();
  const deaf = new AbortController();
  const agent = 'voiceAgent' in deps ? talkOf(deps.voiceAgent) : undefined;
  const { speechToText, languageModel: model } = agent ?? pipelineOf(deps);
  const meter = createMeter(now, campaign.limits.cost);
  const languageModel = meter.languageModel(model);
  const ear = createEar({ leg, speechToText, language, now, signal: AbortSignal.any([call.over, finished.signal]) });
  ear.onError((error) => deaf.abort(error));
  const voice = createVoice({
    leg,
    textToSpeech: meter.textToSpeech(agent?.textToSpeech ?? textToSpeech),
    voice: voiceId,
    language,
    pcmOf: readyLines.pcmOf,
    now,
  });
  const transcript = tellTools(createTranscript(now, deps.onTranscript), agent);
  const apology = readyLines.apology ?? campaign.apology ?? lines.apology;
  const patience = createPatience({
    ear,
    voice,
    holding: lines.holding.flatMap((text) => {
      const pcm = readyLines.pcmOf.get(text);
      return pcm ? [{ text, pcm }] : [];
    }),
    onHeld: (held) => transcript.agent({ ...held, bargedIn: false }),
    serviceOf: agent && { words: 'voice-agent', sound: 'voice-agent' },
    patienceMs: deps.calleePatienceMs ?? CALLEE_PATIENCE_MS,
    now,
  });
  const tally = { turns: 0 };
  const broughtHome: BroughtHome = {};
  const sound = {
    ringTone: (signal: AbortSignal) => playRingTone(leg, language, signal),
    render: renderLine,
  };
  const toolbox = createToolbox(
    campaignTools({ campaign, contact, lines, broughtHome, line: request.line, sound, crm: request.crm }),
    (error, tool) => log.warn({ err: error, tool }, `the tool ${tool} failed`),
  );

  async function renderLine(text: string, signal: AbortSignal): Promise<Buffer | undefined> {
    try {
      const chunks: Buffer[] = [];
      const wanted = { text, voice: voiceId, language, sampleRate: leg.sampleRate };
      for await (const chunk of textToSpeech.synthesize(wanted, signal)) chunks.push(chunk);
      return Buffer.concat(chunks);
    } catch (error) {
      log.warn({ err: error }, 'a line could not be rendered');
      return undefined;
    }
  }

  function talkOf(voiceAgent: VoiceAgent): AgentTalk {
    return createAgentTalk({
      ...{ voiceAgent, voice: voiceId, now, log },
      instructions: () => thinking.instructions,
      tools: () => toolbox.describe(),
      messages: () => transcript.messages(),
      onToolCall: ({ name }) => name === OPT_OUT && optOut(OPTED_OUT),
    });
  }

  let watch: AnswerWatch | undefined;
  const optOutKey = new AbortController();
  let askedToOptOut: typeof OPTED_OUT | typeof OPTED_OUT_BY_KEY | undefined;
  const optOut = (how: typeof OPTED_OUT | typeof OPTED_OUT_BY_KEY) => {
    if (askedToOptOut === undefined) request.onOptOut?.();
    askedToOptOut ??= how;
  };
  // At the word, also where nobody waits for one: into our goodbye. A machine's greeting is nobody's wish.
  ear.onSound(({ kind }) => {
    if (kind === 'quiet' && watch?.machine === undefined && isOptOut(ear.halfHeard?.text ?? '')) optOut(OPTED_OUT);
  });
  const over = AbortSignal.any([call.over, optOutKey.signal, ...(request.leave === undefined ? [] : [request.leave])]);
  const stopwatch = createStopwatch(leg, now);
  const thinking = {
    campaign,
    transcript,
    toolbox,
    languageModel,
    instructions: instructions({ campaign, contact, opening: opening.text }),
    now,
  };
  const earlyReplies = agent
    ? NO_EARLY_REPLIES
    : createEarlyReplies({
        ear,
        begin: (text, signal) => beginEarly(thinking, text, signal),
        signal: AbortSignal.any([over, finished.signal]),
      });
  const context = {
    ...thinking,
    agent,
    earlyReplies,
    stopwatch,
    overBudget: meter.overBudget,
    lines,
    opening,
    ear,
    voice,
    patience,
    onState,
    onOptOut: () => optOut(OPTED_OUT),
    tally,
    over,
    deaf: deaf.signal,
  };

  /** We talk as to a person until a machine gives itself away. */
  async function talkOrMeetMachine(): Promise<Talked> {
    const signal = AbortSignal.any([call.over, finished.signal]);
    watch = watchAnswer({ ear, leg, signal, settled: () => tally.turns > TURNS_WITH_A_PERSON || now() > ANSWER_WATCH_MS });
    try {
      return await holdDialogue({ ...context, over: AbortSignal.any([over, watch.signal]) });
    } catch (error) {
      if (watch.machine === undefined || over.aborted || deaf.signal.aborted) throw error;
      log.info({ machine: watch.machine }, `answered by a machine: ${watch.machine}`);
      const { voicemailMessage, introduction } = request.machines ?? {};
      const met = await meetMachine(watch.machine, { ...context, watch, voicemailMessage, introduction: introduction ?? opening });
      return met ?? (await holdDialogue(context));
    }
  }

  async function talk(): Promise<Talked> {
    try {
      await ear.ready;
      call.over.throwIfAborted();
      ear.start();
      return await talkOrMeetMachine();
    } catch (error) {
      call.over.throwIfAborted();
      if (optOutKey.signal.aborted) return { ...OPTED_OUT_BY_KEY, words: [lines.optedOut] };
      if (request.leave?.aborted)
        return {
          disposition: 'interrupted',
          reason: 'we had to end the call: the worker was being stopped',
          words: [lines.leaving, campaign.goodbye],
        };
      log.warn({ err: error }, 'the conversation can not go on');
      return { ...failed(error), words: [apology] };
    }
  }

  async function run(): Promise<ConversationEnd> {
    answeredAt = performance.now();
    let end: Omit<ConversationEnd, 'transcript' | 'turns' | 'latencies'>;
    try {
      const { words, ...closing } = await talk();
      end = closing;
      onState('ending');
      await sayLastWords(words, { voice, transcript, patience, apology, language, over: call.over, log });
    } catch {
      // Only the end of the call comes here.
      end = await call.ending();
      if (end.disposition === 'hung-up' && watch?.machine !== undefined) end = machineHungUp(watch.machine);
    }
    return conclude(end);
  }

  /** What the callee said last, while nobody waited for it, still counts. */
  function conclude(end: Omit<ConversationEnd, 'transcript' | 'turns' | 'latencies'>): ConversationEnd {
    const last = ear.halfHeard;
    finished.abort(new Error('the conversation has ended'));
    if (last) transcript.callee(last);
    if (last !== undefined && isOptOut(last.text)) optOut(OPTED_OUT);
    const final = { ...end, ...askedToOptOut, ...broughtHome };
    const latency = latencyFacts(stopwatch.turns);
    log.info(
      { disposition: final.disposition, turns: tally.turns, usage: meter.facts(), ...(latency && { latency }) },
      `conversation ended: ${final.reason}`,
    );
    return { ...final, transcript: transcript.entries(), turns: tally.turns, latencies: stopwatch.turns };
  }

  return {
    ready: ear.ready,
    run,
    keyPressed(key) {
      if (key !== campaign.optOutKey) return;
      optOut(OPTED_OUT_BY_KEY);
      optOutKey.abort(new Error('the callee pressed the key that opts out'));
    },
    transcript: () => transcript.entries(),
  };
}

/** A conversation whose phone has been answered already. */
export async function converse(request: ConversationRequest, deps: ConversationDeps): Promise<ConversationEnd> {
  return createConversation(request, deps).run();
}

function pipelineOf(deps: ConversationDeps): { speechToText: SpeechToText; languageModel: LanguageModel } {
  if ('voiceAgent' in deps) throw new Error('the voice agent listens and thinks itself');
  return deps;
}

/** A voice agent waits for what its tool calls have come to. */
function tellTools(transcript: Transcript, agent: AgentTalk | undefined): Transcript {
  return {
    ...transcript,
    tool(call, output) {
      transcript.tool(call, output);
      agent?.answerToolCall(call, output);
    },
  };
}

/** Braces are never read aloud. */
function speakableGoodbye(goodbye: string, usual: string): string {
  return goodbye.trim() === '' || goodbye.includes('{{') ? usual : goodbye;
}

function failed(error: unknown): { disposition: 'failed'; reason: string; error?: ServiceError } {
  if (error instanceof ServiceError) return { disposition: 'failed', reason: `${error.service}: ${error.message}`, error };
  return { disposition: 'failed', reason: error instanceof Error ? error.message : String(error) };
}
