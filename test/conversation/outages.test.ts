import { describe, expect, it } from 'vitest';
import { type SandboxWorld, startSandboxWorld } from './sandbox-world.ts';

const OPENING = 'This is the dental practice. Does noon suit you?';
const APOLOGY = 'We are currently experiencing technical difficulties. Please call back later.';
/** A holding line may come in between wherever the machine is slow. */
const MAYBE_HELD = '(One moment, please\\. )?';
const REPLY = 'Very good, then we look forward to seeing you at noon.';
const person = { role: 'says-yes', number: '+12025550151', when: [{ heard: 'suit you', say: 'Yes.' }], patienceMs: 60_000 };
const TEXT_TO_SPEECH = { path: /text-to-speech/ };

const escaped = (text: string) => text.replace(/[.?]/g, '\\$&');

interface Outage {
  what: string;
  /** Begins when everything is rendered and the phone rings. */
  begins: (world: SandboxWorld) => void;
  service: RegExp;
  /** Between opening and apology. */
  heard: string;
}

const OUTAGES: Outage[] = [
  {
    what: 'text-to-speech answers 503',
    begins: ({ elevenLabs }) => elevenLabs.faults.set({ kind: 'status', status: 503 }, TEXT_TO_SPEECH),
    service: /text-to-speech$/,
    heard: MAYBE_HELD,
  },
  {
    what: 'text-to-speech takes the request and hangs',
    begins: ({ elevenLabs }) => elevenLabs.faults.set({ kind: 'hang' }, TEXT_TO_SPEECH),
    service: /text-to-speech$/,
    heard: 'One moment, please\\. ',
  },
  {
    what: 'text-to-speech is reset in the middle of a sentence',
    begins: ({ elevenLabs }) => elevenLabs.faults.set({ kind: 'reset', when: 'in-body' }, TEXT_TO_SPEECH),
    service: /text-to-speech$/,
    heard: `${MAYBE_HELD}(Very .*)?`,
  },
  {
    what: 'the language model hangs',
    begins: ({ openAi }) => openAi.faults.set({ kind: 'hang' }),
    service: /language-model$/,
    heard: 'One moment, please\\. ',
  },
  {
    what: 'the language model stalls in its reply',
    begins: ({ openAi }) => openAi.faults.set({ kind: 'stall', afterBytes: 600 }),
    service: /language-model$/,
    heard: 'One moment, please\\. (Very .*)?',
  },
  {
    what: 'the language model ends its reply early, without an error',
    begins: ({ openAi }) => openAi.faults.set({ kind: 'truncate', afterBytes: 600 }),
    service: /language-model$/,
    heard: `${MAYBE_HELD}(Very .*)?`,
  },
];

// They wait for speech to be spoken, so they may as well wait together.
describe.concurrent('an outage in the middle of a call', { timeout: 90_000 }, () => {
  it.each(OUTAGES)('$what: the callee is told, word for word, and the outcome names the service', async ({ begins, service, heard }) => {
    await using world = await startSandboxWorld({ people: [person], brain: () => ({ text: REPLY }) });
    const {
      end,
      person: record,
      agent,
    } = await world.call('says-yes', { opening: OPENING, calleePatienceMs: 4_000, beforeDial: () => begins(world) });
    expect(end.disposition).toBe('failed');
    expect(end.error?.service).toMatch(service);
    expect(record.heardText).toMatch(new RegExp(`^${escaped(OPENING)} ${heard}${escaped(APOLOGY)}$`));
    expect(agent[0]).toBe(OPENING);
    expect(agent.at(-1)).toBe(APOLOGY);
    expect(record.endedBy).toBe('caller');
  });
});
