import type { Guard } from './resilience/guard.ts';
import type { Crm } from './services/crm.ts';
import type { LanguageModel } from './services/language-model.ts';
import type { SpeechToText } from './services/speech-to-text.ts';
import type { TextToSpeech } from './services/text-to-speech.ts';
import type { VoiceAgent } from './services/voice-agent.ts';

/** How long somebody waits for an operation, retries and all, and how long a stream may be silent. Milliseconds. */
export interface Waiting {
  /** Undefined: nobody is on the line, the whole schedule is kept. */
  patienceMs?: number | undefined;
  stallMs: number;
}

export function guardTextToSpeech(service: TextToSpeech, guard: Guard, waiting: Waiting): TextToSpeech {
  return {
    synthesize: (request, signal) =>
      guard.stream((inner) => service.synthesize(request, inner), {
        ...waiting,
        signal,
        operation: 'text-to-speech',
        isUseful: (chunk) => chunk.length > 0,
      }),
  };
}

export function guardLanguageModel(service: LanguageModel, guard: Guard, waiting: Waiting): LanguageModel {
  return {
    respond: (request, signal) =>
      guard.stream((inner) => service.respond(request, inner), {
        ...waiting,
        signal,
        operation: 'reply',
        isUseful: (event) => event.type === 'tool-call' || (event.type === 'text' && event.delta !== ''),
      }),
  };
}

/** Opening a session is a request like any other; what a session does afterwards is told by `speech-to-text` itself. */
export function guardSpeechToText(service: SpeechToText, guard: Guard, { patienceMs }: Pick<Waiting, 'patienceMs'>): SpeechToText {
  return {
    open: (options) => guard.run(() => service.open(options), { signal: options.signal, operation: 'listening', patienceMs }),
  };
}

/** The same for a voice agent. */
export function guardVoiceAgent(service: VoiceAgent, guard: Guard): VoiceAgent {
  return { open: (request) => guard.run(() => service.open(request), { signal: request.signal, operation: 'setting up the voice agent' }) };
}

/** @param patienceMs how long a call waits for what the CRM knows of its contact. A CRM that takes longer counts as failed, so that the next calls don't wait at all. */
export function guardCrm(service: Crm, guard: Guard, patienceMs: number): Crm {
  const search = { operation: 'search for the contact', patienceMs, deadlineMs: patienceMs * 0.9 };
  return {
    findContact: (who, signal) => guard.run((inner) => service.findContact(who, inner), { ...search, signal }),
    updateContact: (who, properties, signal) =>
      guard.run((inner) => service.updateContact(who, properties, inner), { signal, operation: 'change of the contact' }),
    recordCall: (record, signal) => guard.run((inner) => service.recordCall(record, inner), { signal, operation: 'call record' }),
  };
}
