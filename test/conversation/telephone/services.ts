import { speak } from '../../../src/sandbox/voice/voice.ts';
import type { LanguageModel, ModelRequest } from '../../../src/services/language-model.ts';
import type { TextToSpeech } from '../../../src/services/text-to-speech.ts';
import type { VoiceAgent } from '../../../src/services/voice-agent.ts';
import { sleep } from '../../../src/sleep.ts';
import { createHearing, type HearingFaults } from './hearing.ts';
import { RATE } from './line.ts';
import { type Script, says } from './scripts.ts';

export interface ServicesOptions extends HearingFaults {
  /** One a reply; the last one again and again. */
  model?: Script[];
  /** Listens and thinks, and speaks too, in the model's stead. */
  voiceAgent?: VoiceAgent;
  textToSpeech?: (text: string, ordinary: AsyncIterable<Buffer>, signal: AbortSignal) => AsyncIterable<Buffer>;
}

/** Ears, mind and voice, and what they were asked for. */
export function createServices(options: ServicesOptions) {
  const scripts = options.model ?? [says('Thank you.')];
  const requests: ModelRequest[] = [];
  const synthesized: string[] = [];
  let openRequests = 0;

  async function* counted<T>(events: AsyncIterable<T>): AsyncGenerator<T> {
    openRequests++;
    try {
      yield* events;
    } finally {
      openRequests--;
    }
  }

  const languageModel: LanguageModel = {
    respond(request, signal) {
      requests.push(structuredClone(request));
      const script = scripts[Math.min(requests.length, scripts.length) - 1] ?? says('');
      return counted(script(request, signal));
    },
  };
  const textToSpeech: TextToSpeech = {
    synthesize({ text }, signal) {
      synthesized.push(text);
      const ordinary = voiced(text, signal);
      return counted(options.textToSpeech?.(text, ordinary, signal) ?? ordinary);
    },
  };
  return {
    ports: {
      textToSpeech,
      ...(options.voiceAgent ? { voiceAgent: options.voiceAgent } : { speechToText: createHearing(options), languageModel }),
    },
    requests,
    synthesized,
    get openRequests() {
      return openRequests;
    },
  };
}

async function* voiced(text: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  const pcm = speak(text, RATE);
  for (let at = 0; at < pcm.length; at += 3_001) {
    await sleep(10, signal);
    yield pcm.subarray(at, at + 3_001);
  }
}
