/** One turn of the callee, at most. */
const MAX_TURN_CHARACTERS = 4_000;

/** When a turn of the callee ended, step by step. Milliseconds from the answer; undefined where the step was left out. */
export interface TurnEnding {
  /** The last frame with voice in it. */
  voiceEndedMs: number | undefined;
  /** The detector took the silence for an end. */
  speechEndedMs: number | undefined;
  /** The last final transcript. */
  finalMs: number | undefined;
}

/** What of a turn is understood by now. */
export interface TurnSoFar {
  /** Also what is not final yet. */
  readonly text: string;
  /** Undefined: nothing of it is. */
  readonly finalText: string | undefined;
  /** Its first sound or word. */
  readonly atMs: number | undefined;
  /** There was a sound without words. */
  readonly unclear: boolean;
  readonly ending: TurnEnding;
  begin(atMs: number): void;
  interim(text: string): void;
  /** Empty: there was a sound, but no words in it. */
  final(text: string): void;
  /** What is understood stays as it is. False: that is nothing. */
  settleForInterim(): boolean;
}

/** @param now milliseconds from the answer */
export function beginTurn(now: () => number): TurnSoFar {
  const finals: string[] = [];
  const ending: TurnEnding = { voiceEndedMs: undefined, speechEndedMs: undefined, finalMs: undefined };
  let interim = '';
  let atMs: number | undefined;
  let unclear = false;

  function add(text: string): void {
    if (finals.join(' ').length < MAX_TURN_CHARACTERS) finals.push(text.slice(0, MAX_TURN_CHARACTERS));
  }

  return {
    get text() {
      return [...finals, interim].filter((part) => part !== '').join(' ');
    },
    get finalText() {
      return finals.length > 0 ? finals.join(' ') : undefined;
    },
    get atMs() {
      return atMs;
    },
    get unclear() {
      return unclear;
    },
    ending,
    begin(soundAtMs) {
      atMs ??= soundAtMs;
    },
    interim(text) {
      interim = text.slice(0, MAX_TURN_CHARACTERS);
      atMs ??= now();
    },
    final(text) {
      interim = '';
      ending.finalMs = now();
      if (text === '') {
        unclear = true;
        return;
      }
      atMs ??= now();
      add(text);
    },
    settleForInterim() {
      const understood = interim !== '';
      if (understood) add(interim);
      else unclear = true;
      interim = '';
      return understood;
    },
  };
}
