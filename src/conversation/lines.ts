/** What the agent says of its own accord, without the model. */
export interface Lines {
  /** After a silence: first, then once more. */
  stillThere: readonly [string, string];
  /** Nobody answered those. */
  nobodyThere: string;
  /** The callee asked never to be called again. */
  optedOut: string;
  /** A service failed and the talk can't go on. */
  apology: string;
  /** A limit is reached. The campaign's goodbye follows. */
  timeIsUp: string;
  /** We have to go in the middle of the talk. The campaign's goodbye follows. */
  leaving: string;
  /** When the campaign's goodbye can't be spoken as it stands. */
  goodbye: string;
}

const ENGLISH: Lines = {
  stillThere: ['Are you still there?', 'Hello, can you hear me?'],
  nobodyThere: "I can't hear you, so I will hang up now. Goodbye.",
  optedOut: 'Understood, we will not call you again. Goodbye.',
  apology: 'I am sorry, we have a technical problem on our side. We will have to end this call here. Goodbye.',
  timeIsUp: 'I am afraid our time is up.',
  leaving: 'I am sorry, I have to end our call here.',
  goodbye: 'Thank you for your time. Goodbye.',
};

const GERMAN: Lines = {
  stillThere: ['Sind Sie noch da?', 'Hallo, können Sie mich hören?'],
  nobodyThere: 'Ich kann Sie leider nicht hören und lege jetzt auf. Auf Wiederhören.',
  optedOut: 'Verstanden, wir rufen Sie nicht mehr an. Auf Wiederhören.',
  apology: 'Es tut mir leid, wir haben gerade ein technisches Problem und müssen das Gespräch hier beenden. Auf Wiederhören.',
  timeIsUp: 'Unsere Zeit ist leider um.',
  leaving: 'Es tut mir leid, ich muss unser Gespräch hier beenden.',
  goodbye: 'Vielen Dank für Ihre Zeit. Auf Wiederhören.',
};

/** By the primary part of a BCP 47 tag. */
const LINES: ReadonlyMap<string, Lines> = new Map([
  ['en', ENGLISH],
  ['de', GERMAN],
]);

/** English where a language has no lines of its own yet. */
export function linesFor(language: string): Lines {
  return LINES.get(language.toLowerCase().split('-')[0] ?? '') ?? ENGLISH;
}
