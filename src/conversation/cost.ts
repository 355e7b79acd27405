import type { CostLimit } from '../call/campaign.ts';
import type { LanguageModel, ModelEvent, ModelRequest } from '../services/language-model.ts';
import type { TextToSpeech } from '../services/text-to-speech.ts';

/** A reply that was broken off isn't reported by its service; tokens of English are about this long. Characters. */
const CHARACTERS_PER_TOKEN = 4;
const MINUTE_MS = 60_000;

/** What a conversation has used so far. */
export interface Usage {
  inputTokens: number;
  outputTokens: number;
  /** Asked of text-to-speech. */
  characters: number;
  /** From the answer; speech-to-text listens all the time. */
  minutes: number;
}

export interface Meter {
  readonly usage: Usage;
  /** Counts what is asked of it. */
  languageModel(model: LanguageModel): LanguageModel;
  textToSpeech(voice: TextToSpeech): TextToSpeech;
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

  const usage = () => ({ inputTokens, outputTokens, characters, minutes: Math.max(0, now()) / MINUTE_MS });
  return {
    get usage() {
      return usage();
    },
    overBudget() {
      if (limit === undefined || costOf(usage(), limit) < limit.most) return undefined;
      return `the limit of ${limit.most} ${limit.currency} was reached`;
    },
    facts() {
      const { minutes, ...used } = usage();
      const rounded = { ...used, minutes: Math.round(minutes * 100) / 100 };
      return limit === undefined
        ? rounded
        : { ...rounded, cost: Math.round(costOf(usage(), limit) * 10_000) / 10_000, currency: limit.currency };
    },
    languageModel: (model) => ({ respond: (request, signal) => counted(model.respond(request, signal), request) }),
    textToSpeech: (voice) => ({
      synthesize(request, signal) {
        characters += request.text.length;
        return voice.synthesize(request, signal);
      },
    }),
  };
}

/** What this has cost, in the currency of the limit. */
export function costOf({ inputTokens, outputTokens, characters, minutes }: Usage, prices: CostLimit): number {
  return (
    (inputTokens * prices.perMillionInputTokens + outputTokens * prices.perMillionOutputTokens) / 1_000_000 +
    (characters * prices.perThousandCharacters) / 1_000 +
    minutes * (prices.perMinuteListened + prices.perMinuteOfCall)
  );
}
