import type { MediaLeg } from '../media/media-leg.ts';
import type { AgentLatency } from '../services/voice-agent.ts';
import type { TurnEnding } from './turn-so-far.ts';

/** The stages between the callee's last sound and our first, in order. */
export const STAGES = ['speech end', 'final transcript', 'turn decided', 'first word', 'first sound', 'heard'] as const;
export type Stage = (typeof STAGES)[number];

/** When each stage of one turn was reached, in milliseconds after the callee's last frame of voice. A stage that was left out has the time of the one before. */
export type TurnLatency = Record<Stage, number> & {
  /** The model was asked; before the turn was decided, when it began to think early. */ asked: number;
};

/** Quiet of ours for so long, and the next sound is a beginning. Milliseconds. */
const GAP_MS = 300;

export interface Stopwatch {
  /** The callee's turn has been decided to be over. */
  turnEnded(ending: TurnEnding): void;
  /** The first words to a turn were spoken. Milliseconds from the answer. */
  spoken(times: { askedMs: number; firstWordMs: number | undefined; firstSoundMs: number | undefined }): void;
  readonly turns: readonly TurnLatency[];
}

/** @param now milliseconds from the answer */
export function createStopwatch(leg: Pick<MediaLeg, 'onPlayed' | 'sampleRate'>, now: () => number): Stopwatch {
  const turns: TurnLatency[] = [];
  let ended: (TurnEnding & { decidedMs: number }) | undefined;
  let heardUntilMs = Number.NEGATIVE_INFINITY;
  let beginnings: number[] = [];

  leg.onPlayed((pcm) => {
    const beganMs = now() - pcm.length / (leg.sampleRate / 500);
    if (beganMs - heardUntilMs > GAP_MS) beginnings.push(beganMs);
    heardUntilMs = now();
  });

  return {
    turns,
    turnEnded(ending) {
      ended = { ...ending, decidedMs: now() };
      beginnings = [];
    },
    spoken({ askedMs, firstWordMs, firstSoundMs }) {
      const from = ended?.voiceEndedMs;
      const heardMs = firstSoundMs === undefined ? undefined : beginnings.find((ms) => ms >= firstSoundMs - GAP_MS);
      if (ended === undefined || from === undefined || firstSoundMs === undefined || heardMs === undefined) return;
      const { speechEndedMs, finalMs, decidedMs } = ended;
      ended = undefined;
      let reachedMs = from;
      const after = (ms: number | undefined) => {
        reachedMs = Math.max(reachedMs, ms ?? reachedMs);
        return Math.round(reachedMs - from);
      };
      turns.push({
        asked: Math.round(askedMs - from),
        'speech end': after(speechEndedMs),
        'final transcript': after(finalMs),
        'turn decided': after(decidedMs),
        'first word': after(firstWordMs),
        'first sound': after(firstSoundMs),
        heard: after(heardMs),
      });
    },
  };
}

/** The middle of what the voice agent's own service measured; undefined when it measured nothing. */
export function agentLatencyFacts(replies: readonly AgentLatency[]): object | undefined {
  const median = (name: keyof AgentLatency) => {
    const figures = replies.flatMap((reply) => reply[name] ?? []).sort((a, b) => a - b);
    return figures[Math.floor((figures.length - 1) / 2)];
  };
  if (replies.length === 0) return undefined;
  return { replies: replies.length, medianMs: { think: median('thinkMs'), speak: median('speakMs'), total: median('totalMs') } };
}

/** The middle turn and the slowest, for the log; undefined when no turn was measured. */
export function latencyFacts(turns: readonly TurnLatency[]): object | undefined {
  if (turns.length === 0) return undefined;
  const median = (stage: Stage) => turns.map((turn) => turn[stage]).sort((a, b) => a - b)[Math.floor((turns.length - 1) / 2)];
  return {
    turns: turns.length,
    medianMs: Object.fromEntries(STAGES.map((stage) => [stage, median(stage)])),
    slowestMs: Math.max(...turns.map(({ heard }) => heard)),
  };
}
