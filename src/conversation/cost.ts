import type { CostLimit } from '../call/campaign.ts';
import type { LanguageModel, ModelEvent, ModelRequest } from '../services/language-model.ts';
import type { TextToSpeech } from '../services/text-to-speech.ts';
import type { VoiceAgent } from '../services/voice-agent.ts';

/** A reply that was broken off isn't reported by its service; tokens of English are about this long. Characters. */
const CHARACTERS_PER_TOKEN = 4;
const MINUTE_MS = 60_000;

/** What a conversation has used so far. */
export interface Usage {
  inputTokens: number;
  outputTokens: number;
  /** Asked of text-to-speech, or spoken by a voice agent. */
  characters: number;
  /** From the answer. */
  minutes: number;
  /** Of them speech-to-text listens all the time; none where a voice agent does. */
  listenedMinutes: number;
  /** A voice agent is connected from before the phone rings. */
  agentMinutes: number;
}

export interface Meter {
  readonly usage: Usage;
  /** Counts what is asked of it. */
  languageModel(model: LanguageModel): LanguageModel;
  textToSpeech(voice: TextToSpeech): TextToSpeech;
  voiceAgent(agent: VoiceAgent): VoiceAgent;
  /** Why no more may be spent; undefined while something may. */
  overBudget(): string | undefined;
  /** For the log. */
  facts(): object;
}

/** @param now milliseconds from the answer */
export function createMeter(now: () => number, limit: CostLimit | undefined): Meter {
  let inputTokens = 0;
  let outputTokens = 0;
  let characters = 0;
  let agentSince: number | undefined;

  async function* counted(events: AsyncIterable<ModelEvent>, request: ModelRequest): AsyncGenerator<ModelEvent> {
    let written = 0;
    let reported = false;
    try {
      for await (const event of events) {
        if (event.type === 'usage') {
          reported = true;
          inputTokens += event.inputTokens;
          outputTokens += event.outputTokens;
        } else written += event.type === 'text' ? event.delta.length : event.arguments.length;
        yield event;
      }
    } finally {
      if (!reported) {
        inputTokens += Math.ceil(JSON.stringify(request).length / CHARACTERS_PER_TOKEN);
        outputTokens += Math.ceil(written / CHARACTERS_PER_TOKEN);
      }
    }
  }

  const usage = (): Usage => {
    const minutes = Math.max(0, now()) / MINUTE_MS;
    const agentMinutes = agentSince === undefined ? 0 : (performance.now() - agentSince) / MINUTE_MS;
    return { inputTokens, outputTokens, characters, minutes, listenedMinutes: agentSince === undefined ? minutes : 0, agentMinutes };
  };
  return {
    get usage() {
      return usage();
    },
    overBudget() {
      if (limit === undefined || costOf(usage(), limit) < limit.most) return undefined;
      return `the limit of ${limit.most} ${limit.currency} was reached`;
    },
    facts() {
      const { minutes, agentMinutes, listenedMinutes: _listened, ...used } = usage();
      const [ofCall, ofAgent] = [minutes, agentMinutes].map((figure) => Math.round(figure * 100) / 100);
      const rounded = { ...used, minutes: ofCall, ...(agentMinutes > 0 && { agentMinutes: ofAgent }) };
      return limit === undefined
        ? rounded
        : { ...rounded, cost: Math.round(costOf(usage(), limit) * 10_000) / 10_000, currency: limit.currency };
    },
    languageModel: (model) => ({ respond: (request, signal) => counted(model.respond(request, signal), request) }),
    voiceAgent: (agent) => ({
      open(request) {
        agentSince ??= performance.now();
        const onEvent: typeof request.onEvent = (event) => {
          if (event.kind === 'words') characters += event.text.length;
          request.onEvent(event);
        };
        return agent.open({ ...request, onEvent });
      },
    }),
    textToSpeech: (voice) => ({
      synthesize(request, signal) {
        characters += request.text.length;
        return voice.synthesize(request, signal);
      },
    }),
  };
}

/** What this has cost, in the currency of the limit. */
export function costOf(usage: Usage, prices: CostLimit): number {
  const { inputTokens, outputTokens, characters, minutes, listenedMinutes, agentMinutes } = usage;
  return (
    (inputTokens * prices.perMillionInputTokens + outputTokens * prices.perMillionOutputTokens) / 1_000_000 +
    (characters * prices.perThousandCharacters) / 1_000 +
    listenedMinutes * prices.perMinuteListened +
    minutes * prices.perMinuteOfCall +
    agentMinutes * (prices.perMinuteOfAgent ?? 0)
  );
}
