import type { HeardWord } from '../voice/voice.ts';
import { createEars } from './ears.ts';
import { beep, createMouth } from './mouth.ts';
import type { Persona } from './persona.ts';
import { createReplies, type Reply } from './replies.ts';

const frameMs = 20;
/** Between two keys; real thumbs are slower, but an IVR must cope with fast ones. */
const keyGapMs = 200;

/** What a person at the far end needs of the line. PCM, signed 16-bit little-endian, mono. */
export interface PersonLine {
  /** Hertz. */
  sampleRate: number;
  send: (frame: Buffer) => void;
  /** Calls back once all that was sent has sounded at the other end. Default: what is sent, sounds. */
  whenPlayed?: (then: () => void) => void;
  /** The person puts the phone down. Q.850 cause. */
  hangUp: (cause?: number) => void;
  dtmf: (digit: string) => void;
  /** Called once, when the call is over. */
  onEnded?: (record: PersonCallRecord) => void;
}

/** What is known of a finished call at the far end. Times are Unix milliseconds; a word's times count from the answer. */
export interface PersonCallRecord {
  role: string;
  number: string;
  answeredAt: number;
  endedAt: number;
  endedBy: 'person' | 'caller';
  heardText: string;
  heard: HeardWord[];
  /** In the order in which they were begun; the last one may have been cut off. */
  said: string[];
  /** Keys that were sounded to this person, in order. */
  keys: string;
  /** What an answering machine has on its tape: the words after the beep. */
  recordedText?: string;
}

/** One answered call, seen from the person who answered it. Driven by its caller: `tick()` every 20 ms, `hear()` for each frame. */
export interface PersonCall {
  answered(): void;
  hear(frame: Buffer): void;
  /** The caller pressed a key. */
  keyHeard(key: string): void;
  tick(): void;
  ended(): void;
  readonly heard: HeardWord[];
  readonly heardText: string;
  readonly said: string[];
}

/** Puts a person behind the phone. They understand only what comes through as sound. */
export function createPersonCall(persona: Persona, line: PersonLine): PersonCall {
  const mouth = createMouth(line.sampleRate);
  const ears = createEars(line.sampleRate);
  const replies = createReplies(persona);
  const heard: HeardWord[] = [];
  const said: string[] = [];
  const plans: Array<{ atMs: number; run: () => void }> = [];
  let state: 'ringing' | 'talking' | 'ended' = 'ringing';
  let keys = '';
  let nowMs = 0;
  let answeredAt = 0;
  let lastSpokeMs = 0;
  let newWords = false;
  let hungUp = false;
  let tapeFromMs: number | undefined;

  const whenPlayed = line.whenPlayed ?? ((then: () => void) => then());
  const plan = (afterMs: number, run: () => void) => plans.push({ atMs: nowMs + afterMs, run });

  function hangUp() {
    if (hungUp || state !== 'talking') return;
    hungUp = true;
    line.hangUp(16);
  }

  function say(text: string, done?: () => void) {
    said.push(text);
    mouth.say(text, done);
  }

  function act(reply: Reply) {
    const leave = reply.hangUp ? () => whenPlayed(() => plan(300, hangUp)) : undefined;
    for (const [index, digit] of [...(reply.press ?? '')].entries()) plan(index * keyGapMs, () => line.dtmf(digit));
    if (reply.say !== undefined) say(reply.say, leave);
    else leave?.();
  }

  function startMachine(machine: NonNullable<Persona['machine']>) {
    say(machine.greeting);
    mouth.sound(Buffer.alloc(line.sampleRate * 2 * 0.3));
    mouth.sound(beep(machine.beepMs, line.sampleRate), () => {
      tapeFromMs = nowMs;
      plan(machine.recordsMs, hangUp);
    });
  }

  function understand(words: HeardWord[]) {
    for (const word of words) {
      heard.push(word);
      if (persona.machine) continue;
      newWords = true;
      const interruption = replies.heard(word.text);
      if (interruption) plan(interruption.afterMs, () => act(interruption.reply));
    }
  }

  function react() {
    if (mouth.speaking) {
      lastSpokeMs = nowMs;
      return;
    }
    const quietMs = ears.quietMs(nowMs);
    if (newWords && quietMs >= persona.reactionMs) {
      newWords = false;
      const reply = replies.paused();
      if (reply) return act(reply);
    }
    const stillMs = Math.min(quietMs, nowMs - lastSpokeMs);
    const leaveAfterMs =
      replies.goodbyeHeard && persona.hangsUpAfterGoodbyeMs !== false ? persona.hangsUpAfterGoodbyeMs : persona.patienceMs;
    if (stillMs >= leaveAfterMs && tapeFromMs === undefined) hangUp();
  }

  return {
    heard,
    said,
    get heardText() {
      return text(heard);
    },

    answered() {
      if (state !== 'ringing') return;
      state = 'talking';
      answeredAt = Date.now();
      const { firstWords, hangsUpAfterMs } = persona;
      if (persona.machine) startMachine(persona.machine);
      else if (firstWords !== undefined) plan(persona.firstWordsAfterMs, () => say(firstWords));
      if (hangsUpAfterMs !== undefined) plan(hangsUpAfterMs, hangUp);
    },

    hear(frame) {
      if (state === 'talking') understand(ears.hear(frame, nowMs));
    },

    keyHeard(key) {
      if (state !== 'talking') return;
      keys += key;
      newWords = true;
      replies.heard(`[${key}]`);
    },

    tick() {
      if (state !== 'talking') return;
      nowMs += frameMs;
      const due = plans.filter((planned) => planned.atMs <= nowMs);
      for (const planned of due) {
        plans.splice(plans.indexOf(planned), 1);
        planned.run();
      }
      react();
      if (state !== 'talking') return;
      const frame = mouth.frame();
      if (frame !== mouth.silence || !persona.suppressesSilence) line.send(frame);
    },

    ended() {
      if (state === 'ended') return;
      const wasTalking = state === 'talking';
      if (wasTalking) heard.push(...ears.flush());
      state = 'ended';
      if (!wasTalking) return;
      const from = tapeFromMs;
      line.onEnded?.({
        role: persona.role,
        number: persona.number,
        answeredAt,
        endedAt: Date.now(),
        endedBy: hungUp ? 'person' : 'caller',
        heardText: text(heard),
        heard,
        said,
        keys,
        ...(from !== undefined && { recordedText: text(heard.filter((word) => word.startMs >= from)) }),
      });
    },
  };
}

function text(words: HeardWord[]): string {
  return words.map((word) => word.text).join(' ');
}
