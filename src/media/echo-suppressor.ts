import { BYTES_PER_SAMPLE, bytesPerFrame, createFrameCutter, FRAME_MS } from './frames.ts';

/** How late an echo may be: over a mobile network and back. */
const MOST_LAG_FRAMES = 40;
/** What was played is told in pieces of 100 ms, and frames come in bursts: only a greater difference sets a clock anew. */
const MOST_JITTER_FRAMES = 6;
/** So often it is looked whether all of late came late: Asterisk doesn't make up for a stall, and what follows it stays behind. */
const LATENESS_FRAMES = 25;
const KEPT_FRAMES = 128;
/** Levels are smoothed over so much, for an echo doesn't keep to frames. */
const SMOOTHING_FRAMES = 3;
/** dBFS, like all levels here. */
const SILENCE_DB = -70;
/** Quieter sound of theirs needs no explaining, and of ours leaves no echo. */
const SOUND_DB = -50;
/** Only what is this near to our loudest of late is measured: soft sounds come back below the line's noise. */
const BELOW_LOUDEST_DB = 12;
/** What comes back with less loss than this is no echo but somebody who speaks. */
const LEAST_LOSS_DB = 10;
/** Nothing came back. More than this would weigh for seconds against a delay that has just become the right one. */
const LEAST_GAIN_DB = -40;
/**
 * An echo follows our loudness this closely; two people who speak at once do not. Standard deviation; on the recorded openings 2 dB keep 0.2 % of a callee's voice
 * for an echo where there is none, 3 dB 5 %.
 */
const MOST_DEVIATION_DB = 2;
/** So much of our voice has to have come back before we believe in an echo. */
const BELIEVED_AFTER_FRAMES = 20;
/** What was long ago counts less: half after half a second. */
const MEMORY = 0.97;
/** Louder by this than what is expected back: somebody speaks. */
const MARGIN_DB = 6;
/** What comes back quieter than this, or not at all, counts as so much quieter than expected: a few such frames end our belief, a lost one doesn't. */
const MISSING_DB = 12;
/** A room rings on, and a busy machine or network makes an echo earlier or later by some frames. */
const EARLY_FRAMES = 6;
const RINGING_FRAMES = 10;

/** Takes our own voice out of what comes back from a telephone that stands on a table. By levels alone: whoever speaks over it is heard, echo and all. */
export interface EchoSuppressor {
  /** What the callee heard of us, just after it was heard. */
  played(pcm: Buffer): void;
  /** The callee's next frame; silence in its place where it is nothing but our echo. */
  hear(frame: Buffer): Buffer;
}

export interface EchoSuppressorOptions {
  sampleRate: number;
  /** Milliseconds. */
  now?: () => number;
}

export function createEchoSuppressor({ sampleRate, now = () => performance.now() }: EchoSuppressorOptions): EchoSuppressor {
  const cut = createFrameCutter(bytesPerFrame(sampleRate));
  const ours = createLevels(now);
  const theirs = createLevels(now);
  const lags = Array.from({ length: MOST_LAG_FRAMES + 1 }, (_, frames) => createLag(frames));
  let echo: Lag | undefined;

  const loudDb = () => Math.max(SOUND_DB, ours.loudest() - BELOW_LOUDEST_DB);

  const best = () => lags.filter((lag) => lag.isEcho).sort((a, b) => a.deviationDb - b.deviationDb)[0];

  function find(at: number): void {
    const theirDb = theirs.smooth(at);
    const loud = loudDb();
    for (const lag of lags) lag.compare(ours.smooth(at - lag.frames), theirDb, loud);
    if (theirDb > SOUND_DB - LEAST_LOSS_DB) echo = best();
  }

  /** The room may change, and the receiver be taken up; or it never was an echo. Or it is one of another delay: a voice of even loudness shows it where it begins and ends only. */
  function follow(at: number, believed: Lag): void {
    const theirDb = theirs.smooth(at);
    const loud = loudDb();
    for (const lag of lags) {
      const ourDb = ours.smooth(at - lag.frames);
      lag.compare(ourDb, lag === believed ? Math.max(theirDb, ourDb + lag.gainDb - MISSING_DB) : theirDb, loud);
    }
    if (believed.deviationDb <= 2 * MOST_DEVIATION_DB) return;
    believed.forget();
    echo = best();
  }

  /** How loud our voice may come back in this frame. */
  function expectedDb(at: number, { frames, gainDb }: Lag): number {
    let loudest = SILENCE_DB;
    for (let past = at - frames - RINGING_FRAMES; past <= at - frames + EARLY_FRAMES; past++) loudest = Math.max(loudest, ours.at(past));
    return loudest + gainDb;
  }

  return {
    played(pcm) {
      const frames = cut(pcm);
      ours.next(frames.length);
      for (const frame of frames) ours.add(levelOf(frame));
    },
    hear(frame) {
      theirs.next(1);
      const levelDb = levelOf(frame);
      const at = theirs.add(levelDb);
      if (echo === undefined) {
        find(at);
        return frame;
      }
      // What is said over an echo teaches nothing about it.
      if (levelDb > expectedDb(at, echo) + MARGIN_DB) return frame;
      follow(at, echo);
      return levelDb > SILENCE_DB ? Buffer.alloc(frame.length) : frame;
    },
  };
}

type Lag = ReturnType<typeof createLag>;

/** How well an echo that comes back after so many frames explains what is heard. */
function createLag(frames: number) {
  let measured = 0;
  let sum = 0;
  let squares = 0;
  let unexplained = 0;
  return {
    frames,
    compare(ourDb: number, theirDb: number, loudDb: number): void {
      const isLoud = ourDb >= loudDb;
      const isUnexplained = ourDb < SOUND_DB && theirDb > SOUND_DB;
      // Nobody makes a sound: what made one before is no noise that stays.
      if (ourDb < SOUND_DB && !isUnexplained) unexplained *= MEMORY;
      if (!isLoud && !isUnexplained) return;
      const gainDb = Math.max(LEAST_GAIN_DB, theirDb - ourDb);
      measured = measured * MEMORY + (isLoud ? 1 : 0);
      sum = sum * MEMORY + (isLoud ? gainDb : 0);
      squares = squares * MEMORY + (isLoud ? gainDb ** 2 : 0);
      unexplained = unexplained * MEMORY + (isLoud ? 0 : 1);
    },
    forget() {
      measured = sum = squares = unexplained = 0;
    },
    get gainDb() {
      return sum / measured;
    },
    get deviationDb() {
      return Math.sqrt(Math.max(0, squares / measured - (sum / measured) ** 2));
    },
    get isEcho() {
      return measured >= ENOUGH && unexplained < 1 && this.gainDb <= -LEAST_LOSS_DB && this.deviationDb <= MOST_DEVIATION_DB;
    },
  };
}

/** What `BELIEVED_AFTER_FRAMES` in a row count. */
const ENOUGH = (1 - MEMORY ** BELIEVED_AFTER_FRAMES) / (1 - MEMORY);

/** Levels of frames by their time. */
function createLevels(now: () => number) {
  const single = new Float64Array(KEPT_FRAMES).fill(SILENCE_DB);
  const smoothed = new Float64Array(KEPT_FRAMES).fill(SILENCE_DB);
  const powers = Array.from({ length: SMOOTHING_FRAMES }, () => 10 ** (SILENCE_DB / 10));
  let end = 0;
  let leastLate = Number.POSITIVE_INFINITY;
  let sinceLook = 0;
  const read = (levels: Float64Array, index: number) =>
    index >= end || index < end - KEPT_FRAMES ? SILENCE_DB : (levels[index % KEPT_FRAMES] ?? SILENCE_DB);

  function add(levelDb: number): number {
    const index = end++;
    single[index % KEPT_FRAMES] = levelDb;
    powers.shift();
    powers.push(10 ** (levelDb / 10));
    smoothed[index % KEPT_FRAMES] = 10 * Math.log10(powers.reduce((sum, power) => sum + power, 0) / SMOOTHING_FRAMES);
    return index;
  }

  return {
    /** So many frames follow, the last of which ends now. */
    next(count: number): void {
      const begins = Math.floor(now() / FRAME_MS) - count;
      const late = begins - end;
      leastLate = Math.min(leastLate, late);
      sinceLook += count;
      let lost = Math.abs(late) > MOST_JITTER_FRAMES ? late : 0;
      if (sinceLook >= LATENESS_FRAMES) {
        if (lost === 0 && leastLate > 1) lost = leastLate;
        leastLate = Number.POSITIVE_INFINITY;
        sinceLook = 0;
      }
      if (lost < 0 || lost > KEPT_FRAMES) {
        single.fill(SILENCE_DB);
        smoothed.fill(SILENCE_DB);
        end = begins;
        return;
      }
      for (; lost > 0; lost--) add(SILENCE_DB);
    },
    /** Returns its index. */
    add,
    at: (index: number) => read(single, index),
    smooth: (index: number) => read(smoothed, index),
    loudest(): number {
      let most = SILENCE_DB;
      for (const level of single) if (level > most) most = level;
      return most;
    },
  };
}

function levelOf(frame: Buffer): number {
  let energy = 0;
  for (let at = 0; at + 1 < frame.length; at += BYTES_PER_SAMPLE) energy += frame.readInt16LE(at) ** 2;
  return Math.max(SILENCE_DB, 10 * Math.log10(energy / (frame.length / BYTES_PER_SAMPLE) / 32_768 ** 2 + 1e-10));
}
