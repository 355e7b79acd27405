import { fault } from '../error-classification/classify.ts';
import type { RequestWatch } from './request-watch.ts';

/** Documented types are not to be relied on, so only what cannot be sound is refused: it would be heard as noise. */
export function refuseText(contentType: string | null): void {
  const type = contentType ?? '';
  if (/^(text\/|application\/(json|xhtml|xml))/i.test(type)) throw fault('no-audio', `the answer is ${type}, not audio`);
}

/** Samples are two bytes; the network cuts where it likes. Throws when there was no sound, or half a sample at the end. */
export async function* wholeSamples(body: ReadableStream<Uint8Array>, watch: RequestWatch): AsyncGenerator<Buffer> {
  const reader = body.getReader();
  let odd: Buffer = Buffer.alloc(0);
  let heard = false;
  try {
    while (true) {
      const { done, value } = await watch.settle(reader.read());
      if (done) break;
      const bytes = Buffer.concat([odd, value]);
      const whole = bytes.length - (bytes.length % 2);
      odd = bytes.subarray(whole);
      if (whole === 0) continue;
      heard = true;
      watch.started();
      yield bytes.subarray(0, whole);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
  if (!heard) throw fault('no-audio', 'the stream ended without a sound');
  if (odd.length > 0) throw fault('stream-ended-early', 'the stream ended within a sample');
}
