import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { stringify } from 'yaml';
import { createReadyLines } from '../../src/call/ready-lines.ts';
import { type ConversationEnd, type ConversationRequest, createConversation } from '../../src/conversation/conversation.ts';
import type { ReadyLines } from '../../src/conversation/ready-lines.ts';
import { createHearingLeg } from '../../src/media/hearing-leg.ts';
import { createEnergySpeechDetector } from '../../src/media/speech-detector-energy.ts';
import { connectWebsocketLeg } from '../../src/media/websocket-leg.ts';
import { startAsteriskSandbox } from '../../src/sandbox/asterisk/asterisk-sandbox.ts';
import { startDeepgramSandbox } from '../../src/sandbox/deepgram/deepgram-sandbox.ts';
import { startElevenLabsSandbox } from '../../src/sandbox/elevenlabs/elevenlabs-sandbox.ts';
import type { Brain } from '../../src/sandbox/openai/brain.ts';
import { startOpenAiSandbox } from '../../src/sandbox/openai/openai-sandbox.ts';
import { loadPeople } from '../../src/sandbox/people/people.ts';
import { createDeepgramAgent } from '../../src/services/deepgram-agent.ts';
import { createElevenLabsSpeechToText } from '../../src/services/elevenlabs-speech-to-text.ts';
import { createElevenLabsTextToSpeech } from '../../src/services/elevenlabs-text-to-speech.ts';
import { createOpenAiLanguageModel } from '../../src/services/openai-language-model.ts';
import { createReconnectingVoiceAgent } from '../../src/services/reconnecting-voice-agent.ts';
import { createAriConnection } from '../../src/telephony/ari-connection.ts';
import { bridgeTogether, openExternalMedia } from '../../src/telephony/external-media.ts';
import { createDialler } from '../../src/telephony/two-step-dialler.ts';

const SAMPLE_RATE = 16_000;
const KEY = 'a-key-of-the-sandbox';
const quiet = { info() {}, warn() {}, error() {} };

/** People of a test's own, in the words of personas.yaml. */
export type TestPerson = Record<string, unknown> & { role: string; number: string };

export interface WorldOptions {
  /** Besides those who live in the sandbox anyway. */
  people?: TestPerson[];
  brain?: Brain;
  /** What talks. Default: ElevenLabs and OpenAI. */
  ai?: 'deepgram-agent';
  /** How much faster than it is spoken the voice agent's sound comes. */
  agentSpeed?: number;
}

export type SandboxWorld = Awaited<ReturnType<typeof startSandboxWorld>>;

/** The real clients, media leg, dialler and conversation against a sandbox of everything else: real sockets, real time. */
export async function startSandboxWorld({ people: extra, brain, ai, agentSpeed = 20 }: WorldOptions = {}) {
  const people = extra ? loadOwnPeople(extra) : loadPeople();
  const asterisk = await startAsteriskSandbox({ people });
  const elevenLabs = await startElevenLabsSandbox({ apiKey: KEY });
  const openAi = await startOpenAiSandbox({ apiKey: KEY, brain });
  // As long as a model thinks: what the agent is told at a barge-in has to reach it before it has thought, on a busy machine too.
  const deepgram = await startDeepgramSandbox({ apiKey: KEY, brain, speed: agentSpeed, thinkMs: 400 });
  const connection = createAriConnection({ ...asterisk, app: `test-${randomUUID()}`, logger: quiet });
  await connection.waitUntilConnected();
  const dialler = createDialler(connection, { logger: quiet });
  const account = { apiKey: KEY, baseUrl: elevenLabs.url };
  const speechToText = createElevenLabsSpeechToText({ ...account, deadlineMs: 5_000 });
  const textToSpeech = createElevenLabsTextToSpeech({ ...account, deadlineMs: 5_000, stallMs: 5_000 });
  const languageModel = createOpenAiLanguageModel({
    apiKey: KEY,
    baseUrl: openAi.baseUrl,
    model: 'test',
    deadlineMs: 5_000,
    stallMs: 5_000,
  });
  const agent = createDeepgramAgent({
    ...{ apiKey: KEY, agentUrl: deepgram.url, deadlineMs: 15_000, stallMs: 15_000 },
    models: { listen: 'nova-3', think: 'open_ai/test', speak: 'aura-2-thalia-en' },
  });
  const talks =
    ai === undefined ? { speechToText, languageModel } : { voiceAgent: createReconnectingVoiceAgent(agent, { patienceMs: 5_000 }) };

  async function render(text: string): Promise<Buffer> {
    const chunks: Buffer[] = [];
    const request = { text, voice: 'test-voice', language: 'en-US', sampleRate: SAMPLE_RATE };
    for await (const chunk of textToSpeech.synthesize(request, new AbortController().signal)) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  async function renderReadyLines(): Promise<ReadyLines> {
    const folder = mkdtempSync(join(tmpdir(), 'speech-'));
    try {
      const store = createReadyLines({ textToSpeech, sampleRate: SAMPLE_RATE, folder, log: quiet });
      const speaker = { voice: 'test-voice', language: 'en-US' };
      await store.prepare(speaker, new AbortController().signal);
      return store.of(speaker);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  /** Calls somebody and talks with them until it is over. */
  async function call(
    who: string,
    options: {
      opening: string;
      campaign?: Partial<ConversationRequest['campaign']>;
      variables?: Record<string, string>;
      calleePatienceMs?: number;
      /** Everything that is rendered before the phone rings has been rendered. */
      beforeDial?: () => void;
      /** Somebody has answered, and we are connected to everything. */
      beforeTalk?: () => void;
    },
  ) {
    const number = who.startsWith('+') ? who : people.byRole(who).number;
    const opening = { text: options.opening, pcm: await render(options.opening) };
    const readyLines = await renderReadyLines();
    options.beforeDial?.();
    const over = new AbortController();
    const media = await openExternalMedia(connection, { sampleRate: SAMPLE_RATE, logger: quiet, signal: over.signal });
    const wanted = { ...media, sampleRate: SAMPLE_RATE, signal: over.signal, connectTimeoutMs: 5_000 };
    const leg = createHearingLeg(await connectWebsocketLeg(wanted), createEnergySpeechDetector({ sampleRate: SAMPLE_RATE }));
    await media.started();
    const conversation = createConversation(
      {
        campaign: {
          goal: 'Confirm the appointment.',
          script: 'Ask whether it suits.',
          goodbye: 'Thank you. Goodbye.',
          language: 'en-US',
          voice: 'test-voice',
          limits: { answerTimeoutMs: 10_000, maxCallMs: 60_000, maxTurns: 20 },
          ...options.campaign,
        },
        contact: { phone: number, name: 'Dana', timeZones: [], variables: options.variables ?? {} },
        opening,
        leg,
        signal: over.signal,
      },
      {
        ...talks,
        textToSpeech,
        readyLines,
        calleePatienceMs: options.calleePatienceMs,
        log: quiet,
      },
    );
    await conversation.ready;
    const result = await dialler.dial({
      channelId: `test-${randomUUID()}`,
      endpoint: `Local/${number}@people`,
      callerId: '+12025550199',
      answerTimeoutMs: 10_000,
      mark: async () => true,
      onProgress: () => {},
      signal: over.signal,
    });
    if (result.kind !== 'answered') throw new Error(`nobody answered: ${JSON.stringify(result)}`);
    const { channel } = result;
    channel.signal.addEventListener('abort', () => over.abort(new Error('hung up')), { once: true });
    const bridge = await bridgeTogether(connection, [channel.id, media.channelId], quiet);
    options.beforeTalk?.();
    const end: ConversationEnd = await conversation.run();
    await Promise.all([channel.hangup(), leg.close()]);
    await media.hangup();
    await bridge.destroy();
    over.abort();
    const person = people.log.findLast((record) => record.number === number);
    if (person === undefined) throw new Error('the person put no call into the log');
    return { end, person, agent: textsOf(end, 'agent') };
  }

  return {
    asterisk,
    elevenLabs,
    openAi,
    deepgram,
    call,
    /** Ends everything, after a look at whether a call left something behind. */
    async [Symbol.asyncDispose]() {
      const left = { channels: asterisk.channels(), bridges: asterisk.bridges(), sessions: elevenLabs.sessions + deepgram.sessions };
      await connection.close();
      await Promise.all([asterisk.close(), elevenLabs.close(), openAi.close(), deepgram.close()]);
      expect(left).toEqual({ channels: [], bridges: [], sessions: 0 });
    },
  };
}

export function textsOf({ transcript }: ConversationEnd, speaker: 'agent' | 'callee'): string[] {
  return transcript.filter((entry) => entry.speaker === speaker).map(({ text }) => text);
}

function loadOwnPeople(people: TestPerson[]) {
  const folder = mkdtempSync(join(tmpdir(), 'people-'));
  try {
    const file = join(folder, 'people.yaml');
    writeFileSync(file, stringify({ people: people.map((person) => ({ name: person.role, ringMs: 100, ...person })) }));
    return loadPeople(file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
