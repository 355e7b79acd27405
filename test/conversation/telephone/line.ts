import { createHearingLeg } from '../../../src/media/hearing-leg.ts';
import type { AudioLeg } from '../../../src/media/media-leg.ts';
import type { SpeechDetector } from '../../../src/media/speech-detector.ts';
import { createEnergySpeechDetector } from '../../../src/media/speech-detector-energy.ts';
import { createPersonCall, type PersonCallRecord } from '../../../src/sandbox/people/person-call.ts';
import type { Persona } from '../../../src/sandbox/people/persona.ts';
import { createPlayout } from './playout.ts';

/** Hertz. */
export const RATE = 8_000;
const FRAME_BYTES = RATE / 25;

const CALLEE: Persona = {
  role: 'test',
  number: '+12025550199',
  name: 'Test',
  language: 'en-US',
  ringMs: 0,
  picksUp: 'answers',
  firstWordsAfterMs: 200,
  reactionMs: 500,
  when: [],
  hangsUpAfterGoodbyeMs: false,
  patienceMs: 3_600_000,
  suppressesSilence: false,
};

export interface LineOptions {
  persona?: Partial<Persona>;
  /** Sounds that the callee's phone makes without words. From the answer. */
  noise?: { fromMs: number; toMs: number }[];
  /** A recording that is played to us from the answer on, instead of the callee; PCM at `RATE`. */
  plays?: Buffer;
  /** Our own voice comes back, so much quieter and so much later; the line is listened to by the detector of the program then. */
  echo?: { db: number; delayMs: number };
}

/** A callee and our leg to them, between which one frame each way moves every 20 ms. */
export function createLine({ persona, noise = [], plays, echo }: LineOptions) {
  const played = new Set<(pcm: Buffer) => void>();
  const frames = new Set<(frame: Buffer) => void>();
  const room = echo && createRoom(echo);
  const playout = createPlayout(RATE);
  const closed = Promise.withResolvers<{ error?: Error }>();
  let onHangUp = () => {};
  let onKey = (_key: string) => {};
  let record: PersonCallRecord | undefined;
  let answeredAt = 0;
  let soundAtMs: number | undefined;
  let ticking: NodeJS.Timeout | undefined;
  const sinceAnswer = () => performance.now() - answeredAt;

  function toLeg(frame: Buffer): void {
    const ms = sinceAnswer();
    const sound = plays?.subarray(0, FRAME_BYTES) ?? (noise.some(({ fromMs, toMs }) => ms >= fromMs && ms < toMs) ? hiss() : frame);
    if (plays !== undefined) plays = plays.length >= 2 * FRAME_BYTES ? plays.subarray(FRAME_BYTES) : undefined;
    const heard = room ? room.mixedWith(sound) : sound;
    for (const listener of [...frames]) listener(heard);
  }

  const person = createPersonCall(
    { ...CALLEE, ...persona },
    {
      sampleRate: RATE,
      send: toLeg,
      hangUp: () => onHangUp(),
      dtmf: (key) => onKey(key),
      onEnded: (ended) => {
        record = ended;
      },
    },
  );

  function tick(): void {
    const wasSpeaking = playout.speaking;
    const frame = playout.nextFrame();
    if (isLoud(frame)) soundAtMs ??= sinceAnswer();
    if (wasSpeaking) for (const listener of [...played]) listener(frame);
    room?.hear(frame);
    person.hear(frame);
    person.tick();
  }

  const leg: AudioLeg = {
    channelId: 'test',
    sampleRate: RATE,
    closed: closed.promise,
    onFrame(listener) {
      frames.add(listener);
      return () => void frames.delete(listener);
    },
    onPlayed(listener) {
      played.add(listener);
      return () => void played.delete(listener);
    },
    speak: playout.speak,
    flush: playout.flush,
    pause: playout.pause,
    resume: playout.resume,
    get speaking() {
      return playout.speaking;
    },
    async close() {
      playout.flush();
      closed.resolve({});
    },
  };

  return {
    leg: createHearingLeg(leg, room ? createEnergySpeechDetector({ sampleRate: RATE }) : createLevelDetector()),
    person,
    /** When the callee's phone made its first sound, of whatever kind. From the answer. */
    get soundAtMs() {
      return soundAtMs;
    },
    answer() {
      answeredAt = performance.now();
      person.answered();
      ticking = setInterval(tick, 20);
    },
    hangUp() {
      clearInterval(ticking);
      person.ended();
    },
    lose(error: Error) {
      playout.flush();
      closed.resolve({ error });
    },
    onHangUp(action: () => void) {
      onHangUp = action;
    },
    onKey(action: (key: string) => void) {
      onKey = action;
    },
    record(): PersonCallRecord {
      if (record === undefined) throw new Error('the person never ended their call');
      return record;
    },
  };
}

/** Where the callee's phone stands on a table. */
function createRoom({ db, delayMs }: NonNullable<LineOptions['echo']>) {
  let underWay: Buffer = Buffer.alloc((delayMs * RATE) / 500);
  const gain = 10 ** (db / 20);
  return {
    hear(frame: Buffer): void {
      underWay = Buffer.concat([underWay, frame]);
    },
    mixedWith(sound: Buffer): Buffer {
      const echo = underWay.subarray(0, FRAME_BYTES);
      underWay = underWay.subarray(FRAME_BYTES);
      const mixed = Buffer.alloc(FRAME_BYTES);
      for (let at = 0; at < FRAME_BYTES; at += 2) {
        const sum = sound.readInt16LE(at) + echo.readInt16LE(at) * gain;
        mixed.writeInt16LE(Math.max(-32_768, Math.min(32_767, Math.round(sum))), at);
      }
      return mixed;
    },
  };
}

/** By level alone, which is enough for a line without noise: 100 ms to begin, 500 ms to end. */
function createLevelDetector(): SpeechDetector {
  let speaking = false;
  let run = 0;
  return {
    get speaking() {
      return speaking;
    },
    push(frame) {
      const loud = isLoud(frame);
      run = loud === speaking ? 0 : run + 1;
      if (run < (speaking ? 25 : 5)) return undefined;
      speaking = !speaking;
      run = 0;
      return speaking ? 'speech-start' : 'speech-end';
    },
  };
}

function isLoud(frame: Buffer): boolean {
  for (let at = 0; at + 1 < frame.length; at += 2) if (Math.abs(frame.readInt16LE(at)) > 500) return true;
  return false;
}

/** Loud, and no words in it. */
function hiss(): Buffer {
  const frame = Buffer.alloc(FRAME_BYTES);
  for (let at = 0; at < frame.length; at += 2) frame.writeInt16LE(Math.round((Math.random() - 0.5) * 20_000), at);
  return frame;
}
