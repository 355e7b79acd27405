/** The final word for an attempt. */
export type Disposition =
  | 'completed'
  | 'hung-up'
  | 'voicemail'
  | 'busy'
  | 'no-answer'
  | 'rejected'
  | 'invalid-number'
  | 'congestion'
  | 'opted-out'
  | 'transferred'
  | 'screened'
  | 'ivr'
  | 'fax'
  | 'silent'
  | 'interrupted'
  | 'cancelled'
  | 'failed';

/** One party's say, in the order in which it was said. `atMs` counts from the answer. */
export interface TranscriptEntry {
  speaker: 'agent' | 'callee';
  /** For the agent: only what was heard (cut at the word where the callee barged in). */
  text: string;
  atMs: number;
  /** The agent's say was cut off by the callee. */
  bargedIn?: boolean;
}

/** What the call was to find out, by the names of the campaign's `answers`. */
export type Answers = Record<string, string | number | boolean>;

/** What is recorded of an attempt, once. Durations in milliseconds. */
export interface Outcome {
  disposition: Disposition;
  /** Why, in words for a human: `busy (cause 17)`, `the callee hung up`, `ElevenLabs answered 503`. */
  reason: string;
  /** Unix milliseconds. */
  startedAt: number;
  answeredAt?: number | undefined;
  endedAt: number;
  /** From answer to end; 0 when nobody answered. */
  talkMs: number;
  /** Q.850 number of `ChannelDestroyed` and, where Asterisk tells, the SIP status. */
  hangupCause?: number | undefined;
  techCause?: number | undefined;
  transcript: TranscriptEntry[];
  answers?: Answers | undefined;
  /** The callee asked to be called at this time. Unix milliseconds. */
  callBackAt?: number | undefined;
  /** An answering machine has our message on its tape. */
  messageLeft?: true | undefined;
  /** Whom the callee was put through to, and for how long the two talked; unknown when nobody was there to see it. */
  putThrough?: { to: string; talkMs?: number | undefined } | undefined;
  /** File name below the recordings folder. */
  recording?: string | undefined;
}
