import Table from 'cli-table3';
import { createSpeechBoundaries } from '../src/media/speech-boundaries.ts';
import type { SpeechDetector } from '../src/media/speech-detector.ts';
import { createEnergySpeechDetector } from '../src/media/speech-detector-energy.ts';
import { decodeG711, encodeG711 } from '../src/sandbox/voice/g711.ts';
import { speak } from '../src/sandbox/voice/voice.ts';
import { loadOpenings } from '../test/conversation/openings.ts';

/**
 * Which speech detector hears people best on a telephone line: recorded openings with noise added, after G.711. Ours, by energy, against the
 * statistical model of WebRTC in WebAssembly, which is no part of the project: `npm i --no-save @echogarden/fvad-wasm` brings it here.
 */
const RATE = 8_000;
const FRAME = RATE / 25;
/** Before anybody speaks. */
const LEAD_MS = 3_000;
const TAIL_MS = 3_000;
const SNRS_DB = [30, 20, 10, 5];
/** Of a recording without noise of its own: what is louder than this is speech; all are normalized to the same peak. dBFS. */
const SPEECH_DB = -36;
/** A recording whose quietest frame is louder than this has noise of its own, and doesn't tell what is speech. dBFS. */
const NOISY_DB = -70;
/** Pauses shorter than the detectors' own hang-over belong to the speech. Frames. */
const PAUSE_FRAMES = 25;

interface Contestant {
  name: string;
  create: () => SpeechDetector;
}

type Noise = (i: number) => number;

interface Scores {
  said: number;
  missed: number;
  falseStarts: number;
  quietMs: number;
  /** Of it, taken for speech. */
  mistakenMs: number;
  onsetsMs: number[];
  frames: number;
  tookMs: number;
}

/** The same every time. */
function random(seed = 1): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

const clean = loadOpenings().filter(({ text, pcm }) => text !== '' && Math.min(...framesOf(pcm).map(levelOf)) < NOISY_DB);

/** Noises of about the same loudness, to be scaled: a hiss, a car, a room full of people who talk. */
function noises(): Record<string, Noise> {
  const hiss = random();
  const road = random(7);
  let low = 0;
  const crowd = [3, 11, 19, 27, 31].flatMap((skip, i) => clean.slice(i, i + 4).map(({ pcm }) => ({ pcm, skip: skip * 997 })));
  return {
    hiss: () => hiss() * 8_000,
    car: () => {
      low = 0.97 * low + road() * 1_500;
      return low;
    },
    crowd: (i) => crowd.reduce((sum, { pcm, skip }) => sum + pcm.readInt16LE(((i + skip) % (pcm.length / 2)) * 2), 0) / 3,
  };
}

function framesOf(pcm: Buffer): Buffer[] {
  return Array.from({ length: Math.floor(pcm.length / FRAME) }, (_, i) => pcm.subarray(i * FRAME, (i + 1) * FRAME));
}

function powerOf(pcm: Buffer): number {
  let sum = 0;
  for (let i = 0; i < pcm.length / 2; i++) sum += pcm.readInt16LE(i * 2) ** 2;
  return sum / Math.max(1, pcm.length / 2);
}

function levelOf(frame: Buffer): number {
  return 10 * Math.log10(powerOf(frame) / 32_768 ** 2 + 1e-12);
}

const isSpeech = (frame: Buffer) => levelOf(frame) > SPEECH_DB;

/** Where people speak, in frames: `to` is the first silent one. */
function saysOf(frames: Buffer[]): { from: number; to: number }[] {
  const says: { from: number; to: number }[] = [];
  frames.forEach((frame, at) => {
    if (!isSpeech(frame)) return;
    const last = says.at(-1);
    if (last && at - last.to < PAUSE_FRAMES) last.to = at + 1;
    else says.push({ from: at, to: at + 1 });
  });
  // A click of the recording is nothing that anybody said.
  return says.filter(({ from, to }) => to - from >= 5);
}

function withNoise(pcm: Buffer, noise: Noise, snrDb: number): Buffer {
  const speechPower = powerOf(Buffer.concat(framesOf(pcm).filter(isSpeech)));
  const sample = Buffer.alloc(RATE * 2);
  for (let i = 0; i < RATE; i++) sample.writeInt16LE(Math.max(-32_768, Math.min(32_767, Math.round(noise(i)))), i * 2);
  const gain = Math.sqrt(speechPower / powerOf(sample) / 10 ** (snrDb / 10));
  const out = Buffer.alloc(pcm.length);
  for (let i = 0; i < pcm.length / 2; i++) {
    const value = pcm.readInt16LE(i * 2) + gain * noise(i);
    out.writeInt16LE(Math.max(-32_768, Math.min(32_767, Math.round(value))), i * 2);
  }
  return decodeG711(encodeG711(out, 'ulaw'), 'ulaw');
}

function judge(pcm: Buffer, line: Buffer, { create }: Contestant, scores: Scores): void {
  const says = saysOf(framesOf(pcm));
  const frames = framesOf(line);
  const detector = create();
  const spoken: boolean[] = [];
  const starts: number[] = [];
  const beganAt = performance.now();
  frames.forEach((frame, at) => {
    if (detector.push(frame) === 'speech-start') starts.push(at);
    spoken.push(detector.speaking);
  });
  scores.tookMs += performance.now() - beganAt;
  scores.frames += frames.length;
  for (const { from, to } of says) {
    scores.said += 1;
    const heardAt = spoken.findIndex((speaking, at) => speaking && at >= from && at < to);
    if (heardAt < 0) scores.missed += 1;
    else if (starts.includes(heardAt)) scores.onsetsMs.push((heardAt + 1 - from) * 20);
  }
  // Within the hang-over after a say nobody is to blame.
  const quiet = (at: number) => says.every(({ from, to }) => at < from || at >= to + PAUSE_FRAMES);
  scores.falseStarts += starts.filter(quiet).length;
  scores.quietMs += frames.filter((_frame, at) => quiet(at)).length * 20;
  scores.mistakenMs += spoken.filter((speaking, at) => speaking && quiet(at)).length * 20;
}

function row(scores: Scores): string[] {
  const onsets = scores.onsetsMs.toSorted((a, b) => a - b);
  return [
    `${((100 * scores.missed) / scores.said).toFixed(1)} %`,
    `${((100 * scores.mistakenMs) / scores.quietMs).toFixed(1)} %`,
    (scores.falseStarts / (scores.quietMs / 60_000)).toFixed(1),
    String(onsets[Math.floor(onsets.length / 2)] ?? '-'),
    String(onsets[Math.floor(onsets.length * 0.95)] ?? '-'),
    (1_000 * (scores.tookMs / scores.frames)).toFixed(0),
  ];
}

/** What the package offers. */
interface Fvad {
  HEAP16: Int16Array;
  _fvad_new(): number;
  _fvad_set_mode(detector: number, mode: number): number;
  _fvad_set_sample_rate(detector: number, hertz: number): number;
  _fvad_process(detector: number, samples: number, count: number): number;
  _malloc(bytes: number): number;
}

async function webRtc(): Promise<Contestant[]> {
  // Not installed as a rule, so not known to the compiler.
  const name: string = '@echogarden/fvad-wasm';
  const loaded = await import(process.argv[2] ?? name).catch(() => undefined);
  if (!loaded) return [];
  const fvad: Fvad = await loaded.default();
  const samples = fvad._malloc(FRAME);
  return [2, 3].map((mode) => ({
    name: `WebRTC, mode ${mode}`,
    create() {
      const detector = fvad._fvad_new();
      fvad._fvad_set_mode(detector, mode);
      fvad._fvad_set_sample_rate(detector, RATE);
      return createSpeechBoundaries((frame) => {
        for (let i = 0; i < FRAME / 2; i++) fvad.HEAP16[samples / 2 + i] = frame.readInt16LE(i * 2);
        return fvad._fvad_process(detector, samples, FRAME / 2) === 1;
      });
    },
  }));
}

const contestants: Contestant[] = [{ name: 'energy', create: () => createEnergySpeechDetector({ sampleRate: RATE }) }, ...(await webRtc())];
const silence = (ms: number) => Buffer.alloc((RATE / 500) * ms);
const quiet = { said: 0, missed: 0, falseStarts: 0, quietMs: 0, mistakenMs: 0, frames: 0, tookMs: 0 };

const head = [
  'noise',
  'SNR dB',
  'detector',
  'missed',
  'quiet taken for speech',
  'false starts a minute',
  'onset p50 ms',
  'onset p95 ms',
  'CPU µs a frame',
];
const table = new Table({ head, style: { head: [], border: [] } });
const totals = new Map(contestants.map(({ name }) => [name, { ...quiet, onsetsMs: [] as number[] }]));
for (const [kind, noise] of Object.entries(noises()))
  for (const snrDb of SNRS_DB)
    for (const contestant of contestants) {
      const scores: Scores = { ...quiet, onsetsMs: [] };
      for (const opening of clean) {
        const pcm = Buffer.concat([silence(LEAD_MS), opening.pcm, silence(TAIL_MS)]);
        const line = withNoise(pcm, noise, snrDb);
        judge(pcm, line, contestant, scores);
        judge(pcm, line, contestant, totals.get(contestant.name) ?? scores);
      }
      table.push([kind, snrDb, contestant.name, ...row(scores)]);
    }
for (const [name, scores] of totals) table.push(['all', 'all', name, ...row(scores)]);
console.log(
  `${clean.length} openings, ${contestants.length === 1 ? 'our detector alone (see the top of this file for the other one)' : 'both detectors'}`,
);
console.log(table.toString());

const voice = Buffer.concat([silence(1_000), speak('This is the voice of the sandbox, which is made of tones.', RATE), silence(1_000)]);
for (const contestant of contestants) {
  const scores: Scores = { ...quiet, onsetsMs: [] };
  judge(voice, voice, contestant, scores);
  console.log(`The sandbox's voice by ${contestant.name}: ${scores.missed} of ${scores.said} missed, onset ${scores.onsetsMs.join()} ms`);
}
