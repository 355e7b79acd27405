import { phraseWords } from './plain-words.ts';

/**
 * What people say who don't want to be called any more. Matched without the model, on lower-case words without punctuation,
 * in both languages whatever the campaign's is. A phrase belongs here when it can hardly mean anything else:
 * "don't call me before nine" is a wish about the time and is left to the model.
 */

/** Words after "don't call me" that make it a wish about when, who or how. */
const ABOUT_TIME =
  '(?! (?:before|after|until|till|at|on|in|during|while|from|between|now|today|tonight|tomorrow|yesterday|later|then|when|if|unless|so|that|this (?!number)|next|every|by|with|mr|mrs|ms|sir|madam|maam|back (?:before|after|until|till|at|on|in|today|tonight|tomorrow|this|next)))';
/** "why don't you", "if I don't", "didn't say": somebody else's sentence. */
const NOT_REPORTED = '(?<!\\b(?:if|when|unless|because|why|since|that) (?:you|i|we|they|he|she) )(?<!\\b(?:if|why) )';

const ENGLISH = [
  `${NOT_REPORTED}\\b(?:stop|quit|cease)(?: ever)? (?:calling|phoning|ringing|contacting|bothering|harassing|spamming)\\b(?! it| this| that| him| her| them)`,
  `${NOT_REPORTED}\\b(?:do not|dont|never)(?: you)?(?: ever| dare| please)* (?:call|phone|ring|contact|bother|disturb)(?: me| us| here| this number| my number| this house)+(?: up)?(?: ever)?\\b${ABOUT_TIME}`,
  `${NOT_REPORTED}\\b(?:do not|dont|never)(?: ever)? (?:call|phone|ring)(?: back)? (?:again|any ?more)\\b`,
  '\\bno(?: more| further) (?:phone )?calls\\b(?! (?:today|tonight|tomorrow|this|before|after))',
  '\\b(?:do not|dont) (?:want|need|wish)(?: to (?:get|have|receive))? (?:any ?more|any(?: more| further)?|these|more|further|your) (?:phone )?calls\\b(?! (?:today|tonight|tomorrow|this|before|after))',
  `\\b(?:do not|dont) (?:want|wish)(?: you| you guys| you people)? to (?:be (?:called|contacted|phoned)|call me|call us|contact me|contact us)\\b${ABOUT_TIME}`,
  '\\b(?:take|get|strike|cross) (?:me|us|my (?:phone )?(?:name|number)|this (?:phone )?number|our (?:phone )?number) off\\b',
  '\\b(?:remove|delete|erase|strike) (?:me|us|my (?:phone )?(?:name|number|details|data)|this (?:phone )?number|our (?:phone )?number)(?: please)?(?:$| from\\b| off\\b| out\\b)',
  '\\b(?:lose|forget) my (?:phone )?number\\b',
  '\\b(?:put|place|add) (?:me|us|my (?:phone )?number|this (?:phone )?number) (?:on|to) (?:your|the|a) (?:do not call|no call|blocked?)\\b',
  '(?<!\\b(?:not|dont|didnt|never)(?: want| wish| like| asking)?(?: to)? )\\b(?:opt (?:me |us )?out|unsubscribe)\\b(?! of (?:text|email|mail|sms))',
  '(?<!\\bdont )\\bleave (?:me|us) alone\\b',
];

const GERMAN = [
  '\\bruf(?:en|t)?(?: sie| ihr)?(?: bitte)?(?: mich| uns| hier| diese nummer| bei mir| bei uns)*(?: bitte)? (?:nicht mehr|nie mehr|nie wieder|nie wider|niemals|nicht wieder|nicht noch einmal|nicht nochmal)(?: hier)? an\\b',
  '\\b(?:nicht mehr|nie mehr|nie wieder|niemals wieder|nicht wieder) (?:anrufen|anzurufen|kontaktieren|belästigen)\\b',
  '\\b(?:nicht mehr|nie mehr|nie wieder|nicht wieder|nicht) (?:von ihnen )?angerufen werden\\b(?! (?:heute|morgen|vor|nach|am|um|wenn|bevor))',
  '\\bhör(?:en|t)?(?: sie| ihr)?(?: bitte)?(?: endlich)? auf(?: mich| uns| hier| ständig| dauernd)* (?:anzurufen|zu nerven|mich anzurufen)\\b',
  '\\bkeine(?: weiteren)? anrufe mehr\\b|\\bkeine weiteren anrufe\\b|\\bkeine werbeanrufe\\b',
  '\\b(?:streich|lösch|nehm|nimm|entfern|trag)(?:en|e|t|st)?(?: sie)?(?: bitte)? (?:mich|uns|meine (?:telefon)?nummer|meine daten|diese nummer|unsere nummer)(?: bitte)?(?: mal)?(?: (?:aus|von|in ihrer|in eurer)\\b|$)',
  '\\b(?:streich|lösch|entfern)(?:en|e|t)?(?: sie)?(?: bitte)? meine (?:telefon)?(?:nummer|daten)\\b',
  '\\blass(?:en|t)?(?: sie| ihr)?(?: bitte)? (?:mich|uns)(?: bitte)?(?: endlich)?(?: einfach)? in ruhe\\b',
  '\\bauf (?:die|ihre|eure) (?:sperrliste|robinsonliste)\\b',
  '\\bwiderspreche (?:ich )?(?:weiteren|künftigen|ihren|den|der|allen)\\b',
];

const PATTERNS = [...ENGLISH, ...GERMAN].map((source) => new RegExp(source, 'u'));

/** Whether these words ask us never to call again. */
export function isOptOut(text: string): boolean {
  const words = phraseWords(text);
  return PATTERNS.some((pattern) => pattern.test(words));
}
