import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createReadyLines } from '../../src/call/ready-lines.ts';
import { parseWav } from '../../src/call/wav.ts';
import { linesToRender } from '../../src/conversation/lines.ts';
import { serviceError } from '../../src/errors.ts';
import { createListener, speak } from '../../src/sandbox/voice/voice.ts';
import type { TextToSpeech } from '../../src/services/text-to-speech.ts';

const RATE = 16_000;
const APOLOGY = 'We are currently experiencing technical difficulties. Please call back later.';
const never = new AbortController().signal;
const english = { language: 'en-US', voice: 'v1' };
let folder: string;
let warnings: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'speech-'));
  warnings = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function storeWith(textToSpeech: TextToSpeech, sampleRate: 8000 | 16000 | 24000 = RATE) {
  return createReadyLines({ textToSpeech, sampleRate, folder, log: { warn: (_, message) => void warnings.push(message) } });
}

/** A voice of tones that counts what it was asked for. */
function speaker() {
  const asked: string[] = [];
  const textToSpeech: TextToSpeech = {
    async *synthesize({ text, sampleRate }) {
      asked.push(text);
      yield speak(text, sampleRate);
    },
  };
  return { asked, textToSpeech };
}

const down: TextToSpeech = {
  async *synthesize() {
    yield* [];
    throw serviceError('answered 503', { service: 'elevenlabs:text-to-speech', code: 'unavailable', category: 'transient', status: 503 });
  },
};

function understood(pcm: Buffer | undefined): string {
  const ear = createListener(RATE);
  return [...ear.push(pcm ?? Buffer.alloc(0)), ...ear.flush()].map(({ text }) => text).join(' ');
}

describe('the lines for when services fail', () => {
  it('are rendered once for all calls of a voice, the apology first', async () => {
    const { asked, textToSpeech } = speaker();
    const store = storeWith(textToSpeech);
    await Promise.all([store.prepare(english, never), store.prepare(english, never)]);
    await store.prepare(english, never);
    expect(asked).toEqual(linesToRender('en-US', undefined));
    expect(asked[0]).toBe(APOLOGY);
    expect(understood(store.of(english).apology?.pcm)).toBe(APOLOGY);
  });

  it('are read from disk by the next process, also while text-to-speech is down', async () => {
    await storeWith(speaker().textToSpeech).prepare(english, never);
    const next = storeWith(down);
    await next.prepare(english, never);
    expect(warnings).toEqual([]);
    const { apology, pcmOf } = next.of(english);
    expect(understood(apology?.pcm)).toBe(APOLOGY);
    expect(understood(pcmOf.get('One moment, please.'))).toBe('One moment, please.');
    expect(await readdir(folder)).toHaveLength(linesToRender('en-US', undefined).length);
  });

  it('are one recording for each language, voice and rate', async () => {
    const { asked, textToSpeech } = speaker();
    const store = storeWith(textToSpeech);
    await store.prepare(english, never);
    await store.prepare({ language: 'de-DE', voice: 'v1' }, never);
    await store.prepare({ language: 'en-US', voice: 'v2' }, never);
    await storeWith(textToSpeech, 8_000).prepare(english, never);
    expect(asked).toHaveLength(4 * linesToRender('en-US', undefined).length);
    expect(store.of({ language: 'de-DE', voice: 'v1' }).apology?.text).toMatch(/^Wir haben derzeit/);
  });

  it("speak the campaign's own apology", async () => {
    const store = storeWith(speaker().textToSpeech);
    const own = { ...english, apology: 'Our line is broken. We will call again.' };
    await store.prepare(own, never);
    expect(understood(store.of(own).apology?.pcm)).toBe(own.apology);
  });

  it.each([
    ['en-US', 24_000, 5.1],
    ['de-AT', 16_000, 5.3],
    ['fr-FR', 8_000, 5.1],
  ] as const)('include a shipped apology when nothing could ever be rendered (%s at %i Hz)', async (language, sampleRate, seconds) => {
    const store = storeWith(down, sampleRate);
    const asked = { language, voice: 'v1', apology: 'Something of our own.' };
    await store.prepare(asked, never);
    expect(warnings[0]).toMatch(/could not be rendered.*503/);
    const { apology, pcmOf } = store.of(asked);
    expect(pcmOf.size).toBe(0);
    expect(apology?.text).toBe(language === 'de-AT' ? linesToRender('de', undefined)[0] : APOLOGY);
    const pcm = apology?.pcm ?? Buffer.alloc(0);
    expect(pcm.length / 2 / sampleRate).toBeCloseTo(seconds, 1);
    let loud = 0;
    for (let at = 0; at < pcm.length; at += 2) if (Math.abs(pcm.readInt16LE(at)) > 1_000) loud++;
    expect(loud / (pcm.length / 2)).toBeGreaterThan(0.2);
  });

  it('are rendered by a later call when the first one could not, and anew when a file on disk is broken', async () => {
    let broken = true;
    const { asked, textToSpeech } = speaker();
    const store = storeWith({ synthesize: (request, signal) => (broken ? down : textToSpeech).synthesize(request, signal) });
    await store.prepare(english, never);
    broken = false;
    await store.prepare(english, never);
    expect(store.of(english).apology?.text).toBe(APOLOGY);
    expect(asked[0]).toBe(APOLOGY);

    for (const file of await readdir(folder)) {
      const whole = await readFile(join(folder, file));
      expect(parseWav(whole)?.sampleRate).toBe(RATE);
      await writeFile(join(folder, file), whole.subarray(0, whole.length / 2));
    }
    const next = storeWith(textToSpeech);
    await next.prepare(english, never);
    expect(understood(next.of(english).apology?.pcm)).toBe(APOLOGY);
  });

  it('keep nobody waiting whose call has ended', async () => {
    const store = storeWith({
      async *synthesize(_request, signal) {
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        yield Buffer.alloc(0);
      },
    });
    await store.prepare(english, AbortSignal.abort());
    expect(store.of(english).apology?.text).toBe(APOLOGY);
  });
});
