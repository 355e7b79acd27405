import { createHash } from 'node:crypto';
import type { TextToSpeech } from '../services/text-to-speech.ts';

/** What is spoken first, ready to be played. PCM, signed 16-bit little-endian, mono. */
export interface OpeningLine {
  text: string;
  pcm: Buffer;
}

export interface OpeningLineRequest {
  /** Rendered one by one, so that what is the same for every contact (the disclosure) is synthesized once. */
  parts: string[];
  voice: string;
  language: string;
}

export interface OpeningLines {
  /** Throws what text-to-speech throws. */
  render(request: OpeningLineRequest, signal: AbortSignal): Promise<OpeningLine>;
}

/** A minute of 16 kHz speech is 1.9 MB: enough for the disclosures of many campaigns and the greetings of the calls under way. */
const CACHE_BYTES = 64 * 1024 * 1024;

/** Renders opening lines before the phone rings, and keeps the most recently used. */
export function createOpeningLines(textToSpeech: TextToSpeech, sampleRate: number): OpeningLines {
  const cache = new Map<string, Buffer>();
  let cachedBytes = 0;

  function remember(key: string, pcm: Buffer): void {
    cache.set(key, pcm);
    cachedBytes += pcm.length;
    for (const [oldest, bytes] of cache) {
      if (cachedBytes <= CACHE_BYTES) break;
      cache.delete(oldest);
      cachedBytes -= bytes.length;
    }
  }

  async function renderPart(text: string, voice: string, language: string, signal: AbortSignal): Promise<Buffer> {
    const key = createHash('sha256')
      .update(JSON.stringify([text, voice, language]))
      .digest('base64');
    const known = cache.get(key);
    if (known !== undefined) {
      cache.delete(key);
      cache.set(key, known);
      return known;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of textToSpeech.synthesize({ text, voice, language, sampleRate }, signal)) chunks.push(chunk);
    const pcm = Buffer.concat(chunks);
    if (!cache.has(key)) remember(key, pcm);
    return pcm;
  }

  return {
    async render({ parts, voice, language }, signal) {
      // One after the other: a service that is down is asked four times for a call, not four times for each part.
      const rendered: Buffer[] = [];
      for (const part of parts) rendered.push(await renderPart(part, voice, language, signal));
      return { text: parts.join(' '), pcm: Buffer.concat(rendered) };
    },
  };
}
