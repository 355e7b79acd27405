import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { linesFor, linesToRender } from '../conversation/lines.ts';
import type { ReadyLine, ReadyLines } from '../conversation/ready-lines.ts';
import type { TextToSpeech } from '../services/text-to-speech.ts';
import type { Campaign } from './campaign.ts';
import { describeError } from './describe-error.ts';
import { keepFile } from './keep-file.ts';
import { formatWav, parseWav } from './wav.ts';

/** How long a call waits for its lines before the phone rings; what isn't there by then is rendered for a later call. Milliseconds. */
const RENDER_MS = 10_000;
/** Lines in memory: some 60 campaigns with a voice of their own, 3 s of 16 kHz each, are 50 MB. */
const MAX_LINES = 500;
/** Shorter than this is no speech. Milliseconds. */
const MIN_LINE_MS = 200;
/** What is shipped has the telephone's own rate. Hertz. */
const SHIPPED_RATE = 8_000;
const SHIPPED: readonly string[] = ['en', 'de'];

type Speaker = Pick<Campaign, 'language' | 'voice' | 'apology'>;

/** Lines that are spoken when services fail: rendered before the phone rings, kept on disk. */
export interface ReadyLinesStore {
  /** Renders what isn't there yet, and waits a while for it. Never throws: the shipped apology is always there. */
  prepare(speaker: Speaker, signal: AbortSignal): Promise<void>;
  /** What there is by now. */
  of(speaker: Speaker): ReadyLines;
}

export interface ReadyLinesOptions {
  textToSpeech: TextToSpeech;
  sampleRate: 8000 | 16000 | 24000;
  /** One file a line, voice, language and rate; a human may listen to them, and delete them to have them rendered anew. */
  folder: string;
  log: { warn(facts: object, message: string): void };
}

export function createReadyLines({ textToSpeech, sampleRate, folder, log }: ReadyLinesOptions): ReadyLinesStore {
  const lines = new Map<string, Buffer>();
  const rendering = new Map<string, Promise<void>>();
  const shipped = new Map(SHIPPED.map((language) => [language, shippedApology(language, sampleRate)]));

  const keyOf = (text: string, { voice, language }: Speaker) =>
    createHash('sha256')
      .update(JSON.stringify([text, voice, language, sampleRate]))
      .digest('hex')
      .slice(0, 24);
  const fileOf = (key: string, { language }: Speaker) => join(folder, `${language.replace(/[^A-Za-z0-9-]/g, '')}-${sampleRate}-${key}.wav`);

  function remember(key: string, pcm: Buffer): void {
    const oldest = lines.keys().next();
    if (lines.size >= MAX_LINES && !oldest.done) lines.delete(oldest.value);
    lines.set(key, pcm);
  }

  async function renderLine(text: string, speaker: Speaker, signal: AbortSignal): Promise<void> {
    const key = keyOf(text, speaker);
    if (lines.has(key)) return;
    const file = fileOf(key, speaker);
    const kept = parseWav(await readFile(file).catch(() => Buffer.alloc(0)));
    if (kept?.sampleRate === sampleRate && isSpeech(kept.pcm, sampleRate)) return remember(key, kept.pcm);
    const chunks: Buffer[] = [];
    const { voice, language } = speaker;
    for await (const chunk of textToSpeech.synthesize({ text, voice, language, sampleRate }, signal)) chunks.push(chunk);
    const pcm = Buffer.concat(chunks);
    if (!isSpeech(pcm, sampleRate)) return;
    remember(key, pcm);
    await keepFile(file, formatWav({ sampleRate, pcm })).catch((error: unknown) =>
      log.warn({ err: error, file }, `a line that was rendered could not be kept: ${describeError(error)}`),
    );
  }

  /** One after the other, the most needed first; a service that fails is not asked for the next one. */
  async function renderAll(texts: readonly string[], speaker: Speaker): Promise<void> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new Error('the lines took too long')), RENDER_MS);
    try {
      for (const text of texts) await renderLine(text, speaker, late.signal);
    } catch (error) {
      log.warn({ err: error }, `lines for when services fail could not be rendered, and will be tried again: ${describeError(error)}`);
    } finally {
      clearTimeout(timer);
    }
  }

  return {
    async prepare(speaker, signal) {
      const texts = linesToRender(speaker.language, speaker.apology);
      if (texts.every((text) => lines.has(keyOf(text, speaker)))) return;
      const all = keyOf(texts.join('\n'), speaker);
      const running = rendering.get(all) ?? renderAll(texts, speaker).finally(() => rendering.delete(all));
      rendering.set(all, running);
      await untilAborted(running, signal);
    },
    of(speaker) {
      const pcmOf = new Map<string, Buffer>();
      for (const text of linesToRender(speaker.language, speaker.apology)) {
        const pcm = lines.get(keyOf(text, speaker));
        if (pcm !== undefined) pcmOf.set(text, pcm);
      }
      const text = speaker.apology ?? linesFor(speaker.language).apology;
      const pcm = pcmOf.get(text);
      return { pcmOf, apology: pcm ? { text, pcm } : (shipped.get(primaryLanguage(speaker.language)) ?? shipped.get('en')) };
    },
  };
}

function untilAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      signal.removeEventListener('abort', done);
      resolve();
    };
    signal.addEventListener('abort', done, { once: true });
    void work.then(done);
  });
}

function primaryLanguage(language: string): string {
  return language.toLowerCase().split('-')[0] ?? '';
}

/** The usual apology in a voice that nobody chose: better than silence. */
function shippedApology(language: string, sampleRate: number): ReadyLine {
  const file = join(import.meta.dirname, 'assets', `apology-${language}.wav`);
  const wav = parseWav(readFileSync(file));
  if (wav?.sampleRate !== SHIPPED_RATE) throw new Error(`${file} is not a recording of ${SHIPPED_RATE} Hz`);
  return { text: linesFor(language).apology, pcm: upsample(wav.pcm, sampleRate / SHIPPED_RATE) };
}

/** Straight lines between the samples: enough for what a telephone carries anyway. */
function upsample(pcm: Buffer, factor: number): Buffer {
  const out = Buffer.alloc(pcm.length * factor);
  for (let i = 0; i < pcm.length / 2; i++) {
    const from = pcm.readInt16LE(i * 2);
    const to = i * 2 + 2 < pcm.length ? pcm.readInt16LE(i * 2 + 2) : from;
    for (let step = 0; step < factor; step++) out.writeInt16LE(Math.round(from + ((to - from) * step) / factor), (i * factor + step) * 2);
  }
  return out;
}

function isSpeech(pcm: Buffer, sampleRate: number): boolean {
  return pcm.length >= (sampleRate * 2 * MIN_LINE_MS) / 1000;
}
