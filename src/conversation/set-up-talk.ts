import type { LanguageModel } from '../services/language-model.ts';
import type { SpeechToText } from '../services/speech-to-text.ts';
import type { TextToSpeech } from '../services/text-to-speech.ts';
import type { VoiceAgent } from '../services/voice-agent.ts';
import { type AgentTalk, createAgentTalk } from './agent-talk.ts';
import type { AnswerWatch } from './answered-by.ts';
import { beginEarly } from './begin-reply.ts';
import { type CallClock, createCallClock } from './call-clock.ts';
import { type CallWatch, watchCall } from './call-over.ts';
import type { ConversationDeps, ConversationRequest } from './conversation.ts';
import { createMeter, type Meter } from './cost.ts';
import type { DialogueContext } from './dialogue.ts';
import { createEarlyReplies, NO_EARLY_REPLIES } from './early-reply.ts';
import { instructions } from './instructions.ts';
import { createStopwatch } from './latency.ts';
import { linesFor } from './lines.ts';
import { createEar, type Ear } from './listening.ts';
import type { MachineLines } from './meet-machine.ts';
import { isOptOut } from './opt-out-phrases.ts';
import { createOptOutWish, type OptOutWish } from './opt-out-wish.ts';
import { createPatience } from './patience.ts';
import { NOTHING_READY, type ReadyLine, type ReadyLines } from './ready-lines.ts';
import { setUpTools } from './set-up-tools.ts';
import { createVoice, type Spoken } from './speaking.ts';
import type { BroughtHome } from './tools/campaign-tools.ts';
import { OPT_OUT } from './tools/opt-out.ts';
import { createTranscript } from './transcript.ts';

/** See `ConversationDeps.calleePatienceMs`. */
const CALLEE_PATIENCE_MS = 12_000;

/** Everything that one talk is held with, from before the phone rings until its end is written down. */
export interface Talk extends DialogueContext {
  leg: ConversationRequest['leg'];
  clock: CallClock;
  call: CallWatch;
  optOut: OptOutWish;
  leave: AbortSignal | undefined;
  machines: MachineLines;
  /** Who or what answered; from the answer on. */
  watch?: AnswerWatch;
  /** Spoken when nothing else can be. */
  apology: Spoken;
  language: string;
  broughtHome: BroughtHome;
  meter: Meter;
  /** Aborts everything that still listens or thinks when the talk is over. */
  ended: AbortController;
  log: ConversationDeps['log'];
}

/** Lays everything ready and begins to listen; nothing is heard or said before the answer. */
export function setUpTalk(request: ConversationRequest, deps: ConversationDeps): Talk {
  const { leg, leave, opening } = request;
  const { onState = () => {}, readyLines = NOTHING_READY, log } = deps;
  const { language, voice: voiceId } = request.campaign;
  const lines = linesFor(language);
  const campaign = { ...request.campaign, goodbye: speakableGoodbye(request.campaign.goodbye, lines.goodbye) };
  const clock = createCallClock();
  const { now } = clock;
  const call = watchCall(leg, request.signal);
  const ended = new AbortController();
  const deaf = new AbortController();
  const optOut = createOptOutWish(() => request.onOptOut?.());
  const over = AbortSignal.any([call.over, optOut.byKey, ...(leave ? [leave] : [])]);

  const meter = createMeter(now, campaign.limits.cost);
  const broughtHome: BroughtHome = {};
  const toolbox = setUpTools({ ...request, campaign }, deps, lines, broughtHome);
  const brief = instructions({ campaign, contact: request.contact, opening: opening.text });
  const transcript = createTranscript(now, {
    onEntry: deps.onTranscript,
    // A voice agent waits for what its tool calls have come to.
    onTool: (toolCall, output) => agent?.answerToolCall(toolCall, output),
  });
  const { agent, speechToText, ...ai } = aiOf(deps, (voiceAgent) =>
    createAgentTalk({
      ...{ voiceAgent: meter.voiceAgent(voiceAgent), voice: voiceId, now, log },
      instructions: () => brief,
      tools: () => toolbox.describe(),
      messages: () => transcript.messages(),
      onToolCall: ({ name }) => name === OPT_OUT && optOut.said(),
    }),
  );
  const languageModel = meter.languageModel(ai.languageModel);
  const textToSpeech = agent ? ai.textToSpeech : meter.textToSpeech(ai.textToSpeech);

  const ear = createEar({ leg, speechToText, language, now, signal: AbortSignal.any([call.over, ended.signal]) });
  ear.onError((error) => deaf.abort(error));
  const voice = createVoice({ leg, textToSpeech, voice: voiceId, language, pcmOf: readyLines.pcmOf, now });
  const patience = createPatience({
    ear,
    voice,
    holding: thoseReady(lines.holding, readyLines),
    onHeld: (held) => transcript.agent({ ...held, bargedIn: false }),
    serviceOf: agent && { words: 'voice-agent', sound: 'voice-agent' },
    patienceMs: deps.calleePatienceMs ?? CALLEE_PATIENCE_MS,
    now,
  });
  const thinking = { campaign, transcript, toolbox, languageModel, instructions: brief, now };
  const talk: Talk = {
    ...{ ...thinking, agent, leg, clock, call, optOut, leave, over, ended, log },
    ...{ lines, opening, language, ear, voice, patience, meter, broughtHome, onState },
    machines: request.machines ?? {},
    apology: readyLines.apology ?? campaign.apology ?? lines.apology,
    earlyReplies: agent ? NO_EARLY_REPLIES : thinkEarly(thinking, ear, AbortSignal.any([over, ended.signal])),
    stopwatch: createStopwatch(leg, now),
    overBudget: meter.overBudget,
    onOptOut: optOut.said,
    tally: { turns: 0 },
    deaf: deaf.signal,
  };
  // At the word, also where nobody waits for one: into our goodbye. A machine's greeting is nobody's wish.
  ear.onSound(({ kind }) => {
    if (kind === 'quiet' && talk.watch?.machine === undefined && isOptOut(ear.halfHeard?.text ?? '')) optOut.said();
  });
  return talk;
}

function thoseReady(texts: readonly string[], { pcmOf }: ReadyLines): ReadyLine[] {
  return texts.flatMap((text) => {
    const pcm = pcmOf.get(text);
    return pcm ? [{ text, pcm }] : [];
  });
}

function thinkEarly(thinking: Parameters<typeof beginEarly>[0], ear: Ear, signal: AbortSignal) {
  return createEarlyReplies({ ear, begin: (text, begun) => beginEarly(thinking, text, begun), signal });
}

interface Ai {
  speechToText: SpeechToText;
  languageModel: LanguageModel;
  /** For what the callee hears. */
  textToSpeech: TextToSpeech;
  agent?: AgentTalk;
}

function aiOf(deps: ConversationDeps, talkWith: (voiceAgent: VoiceAgent) => AgentTalk): Ai {
  if (!('voiceAgent' in deps)) return deps;
  const agent = talkWith(deps.voiceAgent);
  const { speechToText, languageModel, textToSpeech } = agent;
  return { agent, speechToText, languageModel, textToSpeech };
}

/** Braces are never read aloud. */
function speakableGoodbye(goodbye: string, usual: string): string {
  return goodbye.trim() === '' || goodbye.includes('{{') ? usual : goodbye;
}
