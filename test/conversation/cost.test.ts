import { describe, expect, it } from 'vitest';
import type { CostLimit } from '../../src/call/campaign.ts';
import { costOf, createMeter } from '../../src/conversation/cost.ts';
import type { ModelEvent } from '../../src/services/language-model.ts';
import { LIMITS } from './telephone/place-call.ts';
import { type Script, says } from './telephone/scripts.ts';
import { driveTheClock, rule, talk } from './telephone/talk.ts';

const free: CostLimit = {
  most: 1,
  currency: 'EUR',
  perMillionInputTokens: 0,
  perMillionOutputTokens: 0,
  perThousandCharacters: 0,
  perMinuteListened: 0,
  perMinuteOfCall: 0,
};
const usage = { inputTokens: 500_000, outputTokens: 100_000, characters: 4_000, minutes: 3, listenedMinutes: 3, agentMinutes: 4 };

describe('what a call has cost', () => {
  it.each([
    [{ perMillionInputTokens: 0.4 }, 0.2],
    [{ perMillionOutputTokens: 2 }, 0.2],
    [{ perThousandCharacters: 0.05 }, 0.2],
    [{ perMinuteListened: 0.01 }, 0.03],
    [{ perMinuteOfCall: 0.02 }, 0.06],
    [{ perMinuteOfAgent: 0.08 }, 0.32],
    [{ perMinuteOfCall: 0.02, perThousandCharacters: 0.05 }, 0.26],
  ])('by %j is %d', (prices, cost) => {
    expect(costOf(usage, { ...free, ...prices })).toBeCloseTo(cost);
  });

  it('counts the tokens that the model reports, and reckons those of a reply that was broken off', async () => {
    const meter = createMeter(() => 0, undefined);
    const events: ModelEvent[] = [
      { type: 'text', delta: 'Twelve chars' },
      { type: 'usage', inputTokens: 70, outputTokens: 7 },
    ];
    const model = meter.languageModel({
      async *respond() {
        yield* events;
      },
    });
    const request = { instructions: 'x'.repeat(400), messages: [], tools: [] };
    for await (const _ of model.respond(request, new AbortController().signal));
    expect(meter.usage).toMatchObject({ inputTokens: 70, outputTokens: 7 });
    for await (const event of model.respond(request, new AbortController().signal)) if (event.type === 'text') break;
    expect(meter.usage.inputTokens).toBeGreaterThan(70 + 100);
    expect(meter.usage.outputTokens).toBe(7 + 3);
  });
});

describe('a call that costs too much', () => {
  driveTheClock();

  const dear: Script = async function* (request, signal) {
    yield* says('And what else?')(request, signal);
    yield { type: 'usage', inputTokens: 400_000, outputTokens: 10 };
  };

  async function run(cost: CostLimit | undefined) {
    const { call, end } = await talk({
      campaign: { limits: { ...LIMITS, cost } },
      persona: {
        when: [rule('suit you', 'Yes.'), ...Array.from({ length: 9 }, (_, i) => rule('what else', `Point ${'abcdefghi'[i]} then.`))],
      },
      model: [dear],
    });
    return { end, replies: call.requests.length, heard: call.person.heardText };
  }

  it('ends with a polite goodbye, and says in which unit', async () => {
    const { end, replies, heard } = await run({ ...free, perMillionInputTokens: 1 });
    expect(end).toMatchObject({ disposition: 'completed', reason: 'the limit of 1 EUR was reached' });
    expect(replies).toBeLessThanOrEqual(4);
    expect(heard.endsWith('I am afraid our time is up. Goodbye and have a nice day.')).toBe(true);
  });

  it('is no matter where no limit is set', async () => {
    const { replies } = await run(undefined);
    expect(replies).toBeGreaterThan(5);
  });
});
