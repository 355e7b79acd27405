import { menuWords } from './plain-words.ts';

/**
 * What machines say that answer a phone. Matched on lower-case words without punctuation, in both languages whatever the
 * campaign's is. A phrase stands under `SURE` only when a person who picks up would hardly say it: "would you like to leave a
 * message" is an assistant, "please leave a message" is a machine.
 */

/** Offers and questions of people. */
const NOT_OFFERED =
  '(?<!\\b(?:would you like|do you want|want|wish|like|shall i|can i|may i|could you|can you|will you|why dont you|did you|should i|did he|did she|i will|ill|didnt) (?:me )?(?:to )?)';

const VOICEMAIL_SURE = [
  `${NOT_OFFERED}\\bleave (?:me |us |him |her |them )?(?:a|your|an?y|the) (?:(?:short|brief|detailed|quick) )*(?:message|name and (?:phone )?number|name number|name and a)\\b`,
  '\\b(?:after|at|following|wait for|hear) (?:the|this|a) (?:\\w+ )?(?:tone|beep|signal)\\b',
  '\\byou(?:ve| have)? (?:just )?reached (?:the )?(?:\\w+ ){0,3}(?:voice ?mail|mailbox|answering machine|answering service)\\b',
  '\\b(?:forwarded|transferred) to (?:an? )?(?:automated )?(?:voice|voicemail|mailbox|answering|automatic)\\b',
  '\\brecord (?:a|your|the) (?:\\w+ )?message\\b',
  '\\b(?:mailbox|voice ?mail(?: box)?) (?:is full|has not been set up|that has not)\\b',
  '\\b(?:the )?(?:person|party|number|subscriber|customer) (?:that )?(?:you (?:are|have) (?:calling|called|dialed|trying to reach)|youre calling|youve dialed) (?:is|has|cannot|can not|does)\\b',
  '\\bthe \\w+ customer (?:you are|youre) calling\\b',
  '\\bnach dem (?:\\w+ ){0,2}(?:signalton|ton|piepton|piep|signal|piepston)\\b',
  '\\bhinterlass(?:en|t|e)? (?:sie |ihr )?(?:mir |uns |ihm |ihr )?(?:bitte )?(?:mir |uns )?(?:eine|ihre|eure|deine|doch|einfach|gerne|gern|namen|ihren namen)\\b',
  '\\bmailbox (?:von|des|der|ist)\\b|\\bdie mailbox\\b|\\bsprachbox\\b|\\banrufbeantworter\\b',
  '\\b(?:teilnehmer|gesprächspartner|anschluss|rufnummer)(?: \\w+){0,6} (?:nicht|derzeit|zurzeit|momentan|vorübergehend)(?: \\w+){0,3} (?:erreichbar|zu erreichen)\\b',
  '\\bpersönlich nicht (?:erreichbar|zu erreichen)\\b',
];

/** Said by machines and by people alike: they count when nobody breathes in between, or when a beep follows. */
const VOICEMAIL_MAYBE = [
  '\\byou(?:ve| have)? reached\\b',
  '\\b(?:cant|cannot|can not|unable to|not able to) (?:come to|take|answer|get to) (?:the|your|my) (?:phone|call)\\b',
  '\\b(?:not|un)available\\b|\\bnot available\\b|\\bget back to you\\b|\\bcall(?:ing)? you back\\b|\\breturn your call\\b|\\baway from (?:my|the) (?:phone|desk)\\b',
  '\\b(?:nicht|gerade nicht|leider nicht) (?:erreichbar|zu erreichen|da|im büro|zu hause)\\b|\\bruf(?:e|en)(?: \\w+){0,4} zurück\\b|\\bgeschäftszeiten\\b',
];

const SCREENING = [
  '\\b(?:state|say|record|tell me|give) your (?:full )?name (?:and|as well as|along with|followed by)\\b',
  '\\b(?:state|record|say) your (?:full )?name\\b',
  '\\bname and (?:the |your |a )?(?:reason|purpose)\\b',
  '\\b(?:screening service|call screening|call assist|screen(?:s|ing)? (?:their|your|this|my|his|her) calls?)\\b',
  '\\b(?:see|check|find out) if (?:this|the|that) person is available\\b',
  '\\b(?:sagen|nennen|sprechen) sie (?:bitte )?(?:jetzt )?ihren namen\\b',
  '\\bnamen und (?:den |ihren )?(?:grund|anlass|anliegen)\\b',
];

const NUMBERED = '(?:one|two|three|four|five|six|seven|eight|nine|zero|pound|star|hash|[0-9#*])';
const GERMAN_NUMBERED = '(?:die )?(?:taste )?(?:eins|zwei|drei|vier|fünf|sechs|sieben|acht|neun|null|raute|stern|[0-9#*])';
const IVR = [
  `\\bpress ${NUMBERED}\\b`,
  `\\bdial ${NUMBERED} (?:for|to)\\b`,
  '\\b(?:please )?listen (?:carefully|closely)\\b|\\bmenu (?:options|has|have)\\b|\\bmain menu\\b|\\bif you know your partys extension\\b',
  `\\b(?:drücken|wählen) sie (?:bitte |jetzt )?${GERMAN_NUMBERED}\\b`,
];

/** While a screening service asks its owner. */
const HOLD =
  /\b(?:please (?:hold|wait)|hold (?:on|the line|please)|stay on the line|one moment|just a moment|trying to (?:reach|connect)|let me (?:see|check)|thanks? you?|connecting|bitte warten|bleiben sie (?:bitte )?(?:dran|am apparat)|einen (?:kleinen )?(?:moment|augenblick)|ich verbinde|danke)\b/u;
/** A screening service says that its owner won't talk. */
const DECLINED =
  /\b(?:(?:not|isnt|un) ?(?:be )?available|cant (?:take|talk|come)|cannot (?:take|talk|come)|not interested|unable to|nicht (?:verfügbar|erreichbar|sprechen)|kein interesse|goodbye|wiederhören)\b/u;

const compile = (sources: readonly string[]) => sources.map((source) => new RegExp(source, 'u'));
const PATTERNS = {
  voicemail: compile(VOICEMAIL_SURE),
  maybeVoicemail: compile(VOICEMAIL_MAYBE),
  screening: compile(SCREENING),
  ivr: compile(IVR),
};

/** What these words say of who speaks them. `maybe-voicemail` needs a second sign. */
export function machineWords(text: string): 'voicemail' | 'screening' | 'ivr' | 'maybe-voicemail' | undefined {
  const words = menuWords(text);
  const says = (patterns: readonly RegExp[]) => patterns.some((pattern) => pattern.test(words));
  // A mailbox often offers keys too ("for more options press one"), and a screening service a mailbox.
  if (says(PATTERNS.screening)) return 'screening';
  if (says(PATTERNS.voicemail)) return 'voicemail';
  if (says(PATTERNS.ivr)) return 'ivr';
  return says(PATTERNS.maybeVoicemail) ? 'maybe-voicemail' : undefined;
}

/** What a screening service, or whoever it puts us through to, says after we told who we are. */
export function screeningAnswer(text: string): 'hold' | 'declined' | 'person' {
  const words = menuWords(text);
  if (DECLINED.test(words)) return 'declined';
  return HOLD.test(words) ? 'hold' : 'person';
}
