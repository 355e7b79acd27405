/** What the agent says of its own accord, without the model. */
export interface Lines {
  /** After a silence: first, then once more. */
  stillThere: readonly [string, string];
  /** Nobody answered those. */
  nobodyThere: string;
  /** The callee asked never to be called again. */
  optedOut: string;
  /** We are late with what we have to say. In turn, so that nobody hears the same one twice in a row. */
  holding: readonly [string, string, string];
  /** A service failed and the talk can't go on. */
  apology: string;
  /** A limit is reached. The campaign's goodbye follows. */
  timeIsUp: string;
  /** We have to go in the middle of the talk. The campaign's goodbye follows. */
  leaving: string;
  /** The callee is about to be put through. */
  connecting: (who: string) => string;
  /** They could not be put through after all. */
  notReached: (who: string) => string;
  /** Told to the colleague, before the callee is there, when the model says nothing better. */
  announcing: (callee: string) => string;
  /** For a callee without a name. */
  somebody: string;
  /** When the campaign's goodbye can't be spoken as it stands. */
  goodbye: string;
}

const ENGLISH: Lines = {
  stillThere: ['Are you still there?', 'Hello, can you hear me?'],
  nobodyThere: "I can't hear you, so I will hang up now. Goodbye.",
  optedOut: 'Understood, we will not call you again. Goodbye.',
  holding: ['One moment, please.', 'Just a second, please.', 'Please bear with me.'],
  apology: 'We are currently experiencing technical difficulties. Please call back later.',
  timeIsUp: 'I am afraid our time is up.',
  leaving: 'I am sorry, I have to end our call here.',
  connecting: (who) => `I will connect you with ${who}. Please stay on the line.`,
  notReached: (who) => `I am sorry, I could not reach ${who}.`,
  announcing: (callee) => `Here comes a call for you from our assistant. ${callee} is on the line.`,
  somebody: 'Somebody',
  goodbye: 'Thank you for your time. Goodbye.',
};

const GERMAN: Lines = {
  stillThere: ['Sind Sie noch da?', 'Hallo, können Sie mich hören?'],
  nobodyThere: 'Ich kann Sie leider nicht hören und lege jetzt auf. Auf Wiederhören.',
  optedOut: 'Verstanden, wir rufen Sie nicht mehr an. Auf Wiederhören.',
  holding: ['Einen Moment, bitte.', 'Eine Sekunde, bitte.', 'Bitte bleiben Sie noch kurz dran.'],
  apology: 'Wir haben derzeit technische Schwierigkeiten. Bitte rufen Sie später noch einmal an.',
  timeIsUp: 'Unsere Zeit ist leider um.',
  leaving: 'Es tut mir leid, ich muss unser Gespräch hier beenden.',
  connecting: (who) => `Ich verbinde Sie jetzt mit ${who}. Bitte bleiben Sie dran.`,
  notReached: (who) => `Es tut mir leid, ich habe ${who} leider nicht erreicht.`,
  announcing: (callee) => `Ein Gespräch von unserem Assistenten für Sie. ${callee} ist in der Leitung.`,
  somebody: 'Jemand',
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

/** The lines that must be there when no service is: rendered before the phone rings, the most needed first. */
export function linesToRender(language: string, apology: string | undefined): string[] {
  const { holding, optedOut, stillThere, nobodyThere, ...lines } = linesFor(language);
  return [apology ?? lines.apology, ...holding, optedOut, ...stillThere, nobodyThere];
}
