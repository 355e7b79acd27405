import type { Config } from './config.ts';
import type { ServiceError } from './errors.ts';
import { guardCrm, guardLanguageModel, guardSpeechToText, guardTextToSpeech, guardVoiceAgent, type Waiting } from './guarded-services.ts';
import { systemEvent } from './log-facts.ts';
import type { Logger } from './logger.ts';
import type { Crm } from './services/crm.ts';
import { createFallbackLanguageModel, createFallbackSpeechToText, createFallbackTextToSpeech } from './services/fallback.ts';
import type { LanguageModel } from './services/language-model.ts';
import { createReconnectingSpeechToText } from './services/reconnecting-speech-to-text.ts';
import { createReconnectingVoiceAgent } from './services/reconnecting-voice-agent.ts';
import type { SpeechToText } from './services/speech-to-text.ts';
import type { TextToSpeech } from './services/text-to-speech.ts';
import type { VoiceAgent } from './services/voice-agent.ts';
import type { Fences } from './wire-breakers.ts';
import { type RawServices, STALL_MS } from './wire-clients.ts';

/** The same behind their ring fences. */
export interface Services {
  /** Before the phone rings: nobody waits, the whole schedule of retries is kept. */
  preparing: { textToSpeech: TextToSpeech };
  /** With somebody on the line: the same schedule, cut off by the callee's patience. */
  talking: { textToSpeech: TextToSpeech };
  /** What talks. Connected before the phone rings, where nobody waits either. */
  ai: { speechToText: SpeechToText; languageModel: LanguageModel } | { voiceAgent: VoiceAgent };
  crm: Crm | undefined;
  /** The services without which nobody may be rung; of each group, one is enough. */
  required: readonly (readonly string[])[];
}

export interface CrmDeliveryServices {
  crm: Crm | undefined;
  languageModel: LanguageModel | undefined;
}

type ServiceLog = Pick<Logger, 'info' | 'warn'>;

export interface FencedParts {
  config: Config;
  raw: RawServices;
  fences: Fences;
  log: ServiceLog;
}

type Fencing = Pick<FencedParts, 'fences' | 'log'>;

/** For a process that places calls. */
export function fenceServices({ config, raw, fences, log }: FencedParts): Services {
  const { textToSpeech } = raw;
  const { ai, required } = fenceAi({ config, raw, fences, log });
  const onTheLine = { stallMs: STALL_MS, patienceMs: config.calleePatienceMs };
  return {
    preparing: { textToSpeech: fenceVoices(textToSpeech, { stallMs: STALL_MS }, { fences, log }) },
    talking: { textToSpeech: fenceVoices(textToSpeech, onTheLine, { fences, log }) },
    ai,
    crm: raw.crm && guardCrm(raw.crm, fences.guard('hubspot'), config.crmPatienceMs),
    // Whatever talks: who renders the opening line has to be there, too.
    required: [textToSpeech.map(({ name }) => name), ...required],
  };
}

function fenceAi({ config, raw, fences, log }: FencedParts): Pick<Services, 'ai' | 'required'> {
  const { textToSpeech, speechToText, languageModel, voiceAgent } = raw;
  const { calleePatienceMs: patienceMs } = config;
  if (textToSpeech.length > 0 && voiceAgent) {
    return { ai: { voiceAgent: fenceAgent(voiceAgent, patienceMs, { fences, log }) }, required: [[AGENT]] };
  }
  if (textToSpeech.length === 0 || speechToText.length === 0 || languageModel.length === 0)
    throw new Error('A worker that places calls was started without the keys for it.');
  return {
    ai: {
      speechToText: fenceEars(speechToText, patienceMs, { fences, log }),
      languageModel: fenceMinds(languageModel, { stallMs: STALL_MS, patienceMs }, { fences, log }),
    },
    required: [speechToText.map(({ name }) => name), languageModel.map(({ name }) => name)],
  };
}

/** The breaker's name. */
const AGENT = 'deepgram:voice-agent';

function fenceAgent(agent: VoiceAgent, patienceMs: number, { fences, log }: Fencing): VoiceAgent {
  const { guard, breakers } = fences;
  return createReconnectingVoiceAgent(guardVoiceAgent(agent, guard(AGENT)), {
    reopen: guardVoiceAgent(agent, guard(AGENT, { retries: 0 })),
    patienceMs,
    ...tellSession({ what: 'the voice agent', breakers, log }),
  });
}

/** Where another one can speak at once, nobody is made to wait for retries. */
function fenceVoices(voices: RawServices['textToSpeech'], waiting: Waiting, { fences, log }: Fencing): TextToSpeech {
  const { guard } = fences;
  return createFallbackTextToSpeech(
    voices.map(({ name, service }, i) => guardTextToSpeech(service, guard(name, i < voices.length - 1 ? { retries: 0 } : {}), waiting)),
    { onFallback: (error) => tellFallback(log, error, voices) },
  );
}

function fenceMinds(minds: RawServices['languageModel'], waiting: Waiting, { fences, log }: Fencing): LanguageModel {
  const { guard } = fences;
  return createFallbackLanguageModel(
    minds.map(({ name, service }, i) => guardLanguageModel(service, guard(name, i < minds.length - 1 ? { retries: 0 } : {}), waiting)),
    { onFallback: (error) => tellFallback(log, error, minds) },
  );
}

function fenceEars(ears: RawServices['speechToText'], patienceMs: number, { fences, log }: Fencing): SpeechToText {
  const { guard, breakers } = fences;
  const fenced = (retriesOf: (i: number) => { retries?: number }) =>
    createFallbackSpeechToText(
      ears.map(({ name, service }, i) => guardSpeechToText(service, guard(name, retriesOf(i)), {})),
      { onFallback: (error) => tellFallback(log, error, ears), names: ears.map(({ name }) => name) },
    );
  return createReconnectingSpeechToText(
    fenced((i) => (i < ears.length - 1 ? { retries: 0 } : {})),
    {
      reopen: fenced(() => ({ retries: 0 })),
      patienceMs,
      ...tellSession({ what: 'speech-to-text', breakers, log }),
      // What is hopeless with one service isn't with the next.
      ...(ears.length > 1 ? { isWorthIt: () => true } : {}),
    },
  );
}

/** A session that is lost is told to its breaker, which no request does; the log hears of its end and of the next one's beginning. */
function tellSession({ what, breakers, log }: { what: string; breakers: Fences['breakers']; log: ServiceLog }) {
  return {
    onLost(error: ServiceError): void {
      log.warn({ service: error.service, err: error }, `${what} was lost in the middle of a call; it is connected again`);
      const lost = breakers.of(error.service).run(() => Promise.reject(error), { deadlineMs: 1 });
      void lost.catch(() => {});
    },
    onReconnected: (error: ServiceError, afterMs: number): void =>
      systemEvent(
        log,
        { event: 'reconnected', service: error.service, breakerState: breakers.of(error.service).state, code: error.code, afterMs },
        `${what} listens again after ${afterMs} ms; nothing that was said is lost`,
      ),
  };
}

/** One that isn't asked because its breaker is open has been told of by the breaker. */
function tellFallback(log: ServiceLog, error: ServiceError, alternatives: readonly { name: string }[]): void {
  if (error.code === 'breaker-open') return;
  const next = alternatives[alternatives.findIndex(({ name }) => name === error.service) + 1]?.name ?? 'the next one';
  log.warn({ service: error.service, err: error, fallback: next }, `${next} takes over from ${error.service}`);
}

/** For a process that tells the outside of calls. */
export function fenceDelivery({ config, raw, fences, log }: FencedParts): CrmDeliveryServices {
  const { crm, languageModel } = raw;
  return {
    crm: crm && guardCrm(crm, fences.guard('hubspot'), config.crmPatienceMs),
    languageModel: languageModel.length === 0 ? undefined : fenceMinds(languageModel, { stallMs: STALL_MS }, { fences, log }),
  };
}
