import { describe, expect, it } from 'vitest';
import type { ServiceError } from '../../src/errors.ts';
import { createFallbackLanguageModel, createFallbackSpeechToText, createFallbackTextToSpeech } from '../../src/services/fallback.ts';
import type { ModelEvent } from '../../src/services/language-model.ts';
import { createReconnectingSpeechToText } from '../../src/services/reconnecting-speech-to-text.ts';
import { createScriptedSpeechToText, serviceFailure } from './scripted-speech-to-text.ts';
import { collect, failureOf } from './settled.ts';

const { signal } = new AbortController();
const SAY = { text: 'Hello.', voice: 'v', language: 'en', sampleRate: 8000 };
const ASK = { instructions: '', messages: [], tools: [] };

/** Says its parts; where one is an error, it throws. */
function saying<T>(...parts: (T | Error)[]) {
  const service = {
    asked: 0,
    async *answer(): AsyncGenerator<T> {
      service.asked++;
      for (const part of parts) {
        if (part instanceof Error) throw part;
        yield part;
      }
    },
  };
  return service;
}

const sound = (...bytes: number[]) => Buffer.from(bytes);
const voices = (...services: ReturnType<typeof saying<Buffer>>[]) => services.map(({ answer }) => ({ synthesize: answer }));

describe('a second voice', () => {
  it('speaks when the first fails before its first sound, and the first is told of', async () => {
    const told: ServiceError[] = [];
    const failure = serviceFailure();
    const voice = createFallbackTextToSpeech(voices(saying<Buffer>(sound(), failure), saying(sound(1, 2))), {
      onFallback: (error) => told.push(error),
    });
    expect(Buffer.concat(await collect(voice.synthesize(SAY, signal)))).toEqual(sound(1, 2));
    expect(told).toEqual([failure]);
  });

  it('is not asked while the first is well, nor when it fails in the middle of a sentence', async () => {
    const second = saying(sound(3, 4));
    expect(await collect(createFallbackTextToSpeech(voices(saying(sound(1, 2)), second)).synthesize(SAY, signal))).toEqual([sound(1, 2)]);
    const failure = serviceFailure();
    const broken = createFallbackTextToSpeech(voices(saying<Buffer>(sound(1, 2), failure), second));
    expect(await failureOf(collect(broken.synthesize(SAY, signal)))).toBe(failure);
    expect(second.asked).toBe(0);
  });

  it('does not speak to a call that has ended, nor hide a mistake of ours', async () => {
    const call = new AbortController();
    const second = saying(sound(3, 4));
    const reason = new Error('the callee hung up');
    call.abort(reason);
    const ended = createFallbackTextToSpeech(voices(saying<Buffer>(reason), second)).synthesize(SAY, call.signal);
    await expect(collect(ended)).rejects.toBe(reason);
    const mistake = createFallbackTextToSpeech(voices(saying<Buffer>(new RangeError('7 Hz')), second)).synthesize(SAY, signal);
    await expect(collect(mistake)).rejects.toThrow(RangeError);
    expect(second.asked).toBe(0);
  });

  it('leaves the failure that tells most when nobody can speak', async () => {
    const failure = serviceFailure();
    const refused = serviceFailure('transient', { code: 'breaker-open' });
    for (const order of [
      [refused, failure],
      [failure, refused],
    ]) {
      const voice = createFallbackTextToSpeech(voices(...order.map((error) => saying<Buffer>(error))));
      expect(await failureOf(collect(voice.synthesize(SAY, signal)))).toBe(failure);
    }
    const all = createFallbackTextToSpeech(voices(saying<Buffer>(refused), saying<Buffer>(refused)));
    expect(await failureOf(collect(all.synthesize(SAY, signal)))).toBe(refused);
  });
});

it('a second model replies when the first fails before its first word', async () => {
  const models = [saying<ModelEvent>({ type: 'text', delta: '' }, serviceFailure()), saying<ModelEvent>({ type: 'text', delta: 'Yes.' })];
  const model = createFallbackLanguageModel(models.map(({ answer }) => ({ respond: answer })));
  expect((await collect(model.respond(ASK, signal))).at(-1)).toEqual({ type: 'text', delta: 'Yes.' });
  const tool: ModelEvent = { type: 'tool-call', callId: '1', name: 'end_call', arguments: '{}' };
  const late = createFallbackLanguageModel([
    { respond: saying<ModelEvent>(tool, serviceFailure()).answer },
    { respond: models[1]?.answer ?? saying<ModelEvent>().answer },
  ]);
  await failureOf(collect(late.respond(ASK, signal)));
  expect(models[1]?.asked).toBe(1);
});

it('a second speech-to-text takes over from the first in the middle of a call, told what was said', async () => {
  const [first, second] = [createScriptedSpeechToText(), createScriptedSpeechToText()];
  const failures: ServiceError[] = [];
  const listening = createReconnectingSpeechToText(createFallbackSpeechToText([first, second]), {
    isWorthIt: () => true,
    initialDelayMs: 1,
  });
  const nothing = () => {};
  const session = await listening.open({
    sampleRate: 8000,
    language: 'en',
    onInterim: nothing,
    onFinal: nothing,
    onError: (error) => failures.push(error),
    signal,
  });
  session.send(Buffer.alloc(960));
  session.commit();
  first.answer = serviceFailure('quota');
  first.last.options.onError(first.answer);
  await expect.poll(() => second.sessions.map(({ told }) => told)).toEqual(['...!']);
  expect(failures).toEqual([]);
  session.close();
});
