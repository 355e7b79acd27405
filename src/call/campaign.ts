export type AnswerField = { type: 'text' | 'number' | 'yes-no'; about: string } | { type: 'choice'; about: string; choices: string[] };
export type AnswerFields = Record<string, AnswerField>;

/** A colleague to whom the model may put a callee through: an extension of our own (a dial string), or a number that is dialled as the campaign dials. */
export type TransferTarget = {
  /** When the model is to use it. */
  about: string;
  /** As it is called in a sentence: "our front desk". */
  spoken: string;
  /** The colleague hears who is on the line before they are put together. */
  announce: boolean;
} & ({ endpoint: string } | { number: string });

export interface TransferRules {
  /** By the name that the model chooses. */
  targets: Record<string, TransferTarget>;
  /** How long the colleague's phone may ring. */
  ringTimeoutMs: number;
  /** How long they may talk before we hang up on them. */
  maxTalkMs: number;
}

/** Contact properties of the CRM that the model may read during the call, and those it may have changed after it. By the CRM's internal names. */
export interface CrmAccess {
  read: string[];
  update: string[];
}

/** What one call may cost, in one currency, reckoned by the user's own prices. */
export interface CostLimit {
  most: number;
  currency: string;
  perMillionInputTokens: number;
  perMillionOutputTokens: number;
  perThousandCharacters: number;
  perMinuteListened: number;
  perMinuteOfCall: number;
  /** Absent in what older releases wrote down. */
  perMinuteOfAgent?: number | undefined;
}

/** A campaign file after validation. Texts may hold `{{variables}}`: `{{name}}`, `{{phone}}` and the contact's extra columns. */
export interface Campaign {
  /** Short, stable, `[a-z0-9-]`; part of every attempt's id. */
  name: string;
  /** What the callee's phone shows, E.164. */
  callerId: string;
  /** Dial-string template, e.g. `PJSIP/{e164}@trunk`, `PJSIP/{digits}@trunk`, `Local/{e164}@people`. */
  dialString: string;
  /** ISO 3166-1 alpha-2, for numbers without a country code. */
  defaultCountry: string;
  /** BCP 47, e.g. `en-US`, `de-DE`. */
  language: string;
  /** ElevenLabs voice id. */
  voice: string;
  /** Spoken first, by the worker, not left to the model: says who calls. */
  greeting: string;
  /** Spoken right after the greeting: that it is an AI, that the call is recorded. */
  disclosure: string;
  /** What the model is to reach. */
  goal: string;
  /** How the model is to go about it. */
  script: string;
  /** Spoken when the model ends the call without words of its own. */
  goodbye: string;
  /** Spoken when a service fails for good in the middle of a call; without variables, since it is rendered once for all. Default: one in the campaign's language. */
  apology?: string | undefined;
  /** When people may be called, in the contact's own time zone. `HH:MM`; `24:00` is midnight at the day's end. */
  hours: { from: string; to: string };
  recording: boolean;
  /** Whether what was said is kept. Campaigns of older releases, without it, keep it. */
  transcript?: boolean | undefined;
  /** What is done when an answering machine picks up. Campaigns of older releases, without it, hang up. */
  voicemail?: 'hang-up' | 'leave-message' | undefined;
  /** Spoken after the beep, where a message is left. */
  voicemailMessage?: string | undefined;
  /** One sentence that tells a call-screening service why we call. Spoken after the greeting. */
  purpose?: string | undefined;
  /** A key of the phone that opts out, at any moment of the call. */
  optOutKey?: string | undefined;
  /** What the call is to find out, by name. The model records it; what doesn't fit is refused. */
  answers?: AnswerFields | undefined;
  /** The callee may ask to be called back at a time they name. */
  callBack?: boolean | undefined;
  crm?: CrmAccess | undefined;
  /** Whom the model may put the callee through to. */
  transfer?: TransferRules | undefined;
  /** What is done with a menu of keys that answers; without it we hang up. */
  ivr?: 'hang-up' | 'press-keys' | undefined;
  /** What becomes of a contact while a service that the call needs is down: it waits, spending no attempt, or its call fails at once. */
  whenServiceDown: 'wait' | 'fail';
  limits: {
    /** How long the phone may ring. */
    answerTimeoutMs: number;
    /** How long a conversation may last before a polite goodbye. */
    maxCallMs: number;
    /** How many turns of the agent before a polite goodbye. */
    maxTurns: number;
    /** What a conversation may cost before a polite goodbye. Undefined: no limit. */
    cost?: CostLimit | undefined;
  };
}
