import type { ServiceError } from '../../../src/errors.ts';
import type { ModelEvent, ModelRequest } from '../../../src/services/language-model.ts';
import { sleep } from '../../../src/sleep.ts';

/** What the model does at each of its replies. */
export type Script = (request: ModelRequest, signal: AbortSignal) => AsyncIterable<ModelEvent>;

/** Writes the words one by one, as a model does. */
async function* write(text: string, msPerWord: number, signal: AbortSignal): AsyncGenerator<ModelEvent> {
  for (const delta of text.match(/\S+\s*/g) ?? []) {
    await sleep(msPerWord, signal);
    yield { type: 'text', delta };
  }
}

export const says =
  (text: string, msPerWord = 5): Script =>
  (_request, signal) =>
    write(text, msPerWord, signal);

export const callsTool = (name: string, args: unknown, text = ''): Script =>
  async function* (_request, signal) {
    yield* write(text, 5, signal);
    yield { type: 'tool-call', callId: `call-${name}`, name, arguments: typeof args === 'string' ? args : JSON.stringify(args) };
  };

export const fails = (error: ServiceError, text = ''): Script =>
  async function* (_request, signal) {
    yield* write(text, 5, signal);
    throw error;
  };

/** Says nothing until it is aborted. */
export const hangs: Script = async function* (_request, signal) {
  await sleep(3_600_000, signal);
  yield { type: 'text', delta: '' };
};

/** Thinks for so long, then goes on as the other. */
export const late = (ms: number, then: Script): Script =>
  async function* (request, signal) {
    await sleep(ms, signal);
    yield* then(request, signal);
  };
