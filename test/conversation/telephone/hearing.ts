import type { ServiceError } from '../../../src/errors.ts';
import { createListener } from '../../../src/sandbox/voice/voice.ts';
import type { SpeechToText, SpeechToTextOptions } from '../../../src/services/speech-to-text.ts';
import { sleep } from '../../../src/sleep.ts';

export interface HearingFaults {
  deafAtMs?: number;
  deafBecause?: ServiceError;
  openFails?: ServiceError;
}

/** Speech-to-text by ear: it opens within 50 ms, and finals come 100 ms after the commit. */
export function createHearing({ deafAtMs, deafBecause, openFails }: HearingFaults): SpeechToText {
  return {
    async open({ onInterim, onFinal, onError, signal, sampleRate }: SpeechToTextOptions) {
      await sleep(50, signal);
      if (openFails) throw openFails;
      const listener = createListener(sampleRate);
      let words: string[] = [];
      const take = (heard: { text: string }[]) => {
        if (heard.length === 0) return;
        words.push(...heard.map((word) => word.text));
        onInterim(words.join(' '));
      };
      let sentMs = 0;
      if (deafAtMs === 0 && deafBecause) onError(deafBecause);
      return {
        send(pcm) {
          sentMs += pcm.length / (sampleRate / 500);
          take(listener.push(pcm));
          if (deafAtMs !== undefined && deafBecause && sentMs >= deafAtMs) {
            deafAtMs = undefined;
            onError(deafBecause);
          }
        },
        commit() {
          take(listener.flush());
          const text = words.join(' ');
          words = [];
          const timer = setTimeout(() => onFinal(text), 100);
          signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
        },
        close() {},
      };
    },
  };
}
