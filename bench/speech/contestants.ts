import { createRequire } from 'node:module';
import { loadSilero } from '../../src/media/silero.ts';
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

/** `judge`: makes what tells voiced frames, for one line. `settle`: waits until it has thought about the last one. */
function contestant(name: string, judge: (sampleRate: number) => Judge, settle?: () => Promise<void>): Contestant {
  return {
    name,
    async hear(line, sampleRate) {
      const before = process.cpuUsage();
      const isVoiced = judge(sampleRate);
      const hearing: Hearing = { voiced: [], speaking: [], starts: [], ends: [], tookMs: 0 };
      const judged: Judge = (frame, speaking) => {
        const voiced = isVoiced(frame, speaking);
        hearing.voiced.push(voiced);
        return voiced;
      };
      const detector = createSpeechBoundaries(judged);
      for (const [at, frame] of framesOf(line, sampleRate).entries()) {
        const change = detector.push(frame);
        if (change === 'speech-start') hearing.starts.push(at);
        if (change === 'speech-end') hearing.ends.push(at);
        hearing.speaking.push(detector.speaking);
        await settle?.();
      }
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
  return [...(await webRtc(require)), ...(await silero(folder))];
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

/** As the product asks it, with time enough for an answer to each frame. */
async function silero(folder: string): Promise<Contestant[]> {
  const beganAt = performance.now();
  const onError = (error: unknown) => {
    throw error;
  };
  const model = await loadSilero(onError, `${folder}/`).catch(() => undefined);
  if (!model) return [];
  console.log(`Silero and its runtime were loaded in ${(performance.now() - beganAt).toFixed(0)} ms`);
  const judge = (sampleRate: number) => createModelJudge(sampleRate, model.listen(sampleRate));
  return [contestant('Silero', judge, answered)];
}

/** The runtime answers an immediate later. */
async function answered(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise(setImmediate);
}

function found(require: NodeJS.Require, name: string): string | undefined {
  try {
    return require.resolve(name);
  } catch {
    return undefined;
  }
}
