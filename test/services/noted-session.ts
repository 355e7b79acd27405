import type { ServiceError } from '../../src/errors.ts';
import type { SpeechToText } from '../../src/services/speech-to-text.ts';

export interface NotedOptions {
  sampleRate?: number;
  language?: string;
  /** Where the session's end is put. */
  closers: (() => void)[];
}

/** Opens a session of speech-to-text and notes what it tells. */
export async function listenTo(speechToText: SpeechToText, { sampleRate = 8000, language = 'en-US', closers }: NotedOptions) {
  const call = new AbortController();
  const interims: string[] = [];
  const finals: string[] = [];
  const failures: ServiceError[] = [];
  const session = await speechToText.open({
    sampleRate,
    language,
    onInterim: (text) => interims.push(text),
    onFinal: (text) => finals.push(text),
    onError: (error) => failures.push(error),
    signal: call.signal,
  });
  closers.push(() => session.close());
  /** In frames of 20 ms. */
  const send = (pcm: Buffer) => {
    const frame = sampleRate / 25;
    for (let at = 0; at < pcm.length; at += frame) session.send(pcm.subarray(at, at + frame));
  };
  return { session, send, call, interims, finals, failures };
}
