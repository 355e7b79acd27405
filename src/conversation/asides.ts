/** What listeners say to show that they listen; it wants no answer. In both languages, whatever the campaign's is. */
const BACKCHANNELS = new Set(
  (
    'mhm mm mmm hm hmm hmhm aha uh-huh uhuh huh ah oh yes yeah yep yup ya okay ok right sure good great fine alright exactly ' +
    'ja jaja jo jep genau gut okay klar richtig stimmt ach so achso verstehe aha schön prima doch'
  ).split(' '),
);
/** "I see", "all right", "got it": only together. */
const PHRASES = ['i see', 'all right', 'of course', 'got it', 'go on', 'alles klar', 'in ordnung', 'na gut'] as const;
const WHOLE_PHRASES = new RegExp(`\\b(?:${PHRASES.join('|')})\\b`, 'gu');
const HALF_PHRASE = new RegExp(`\\b(?:${PHRASES.map((phrase) => phrase.split(' ')[0]).join('|')})$`, 'u');
/** More words than this want to be heard, whatever they are. */
const MAX_BACKCHANNEL_WORDS = 4;
/** Fewer words of ours than this may well be the callee's own. */
const MIN_ECHO_WORDS = 3;

/** What the callee's words are to somebody who is speaking: `undecided` while they may still become either. */
export type Meaning = 'backchannel' | 'echo' | 'undecided' | 'meant';

/** @param said what of us was heard lately */
export function meaningOf(text: string, said: string): Meaning {
  if (isBackchannel(text)) return 'backchannel';
  const words = wordsOf(text);
  if (words.length > 0 && ` ${wordsOf(said).join(' ')} `.includes(` ${words.join(' ')} `))
    return words.length >= MIN_ECHO_WORDS ? 'echo' : 'undecided';
  const withoutHalf = words.join(' ').replace(HALF_PHRASE, '');
  const half = withoutHalf.length < words.join(' ').length;
  return half && (withoutHalf.trim() === '' || isBackchannel(withoutHalf)) ? 'undecided' : 'meant';
}

/** Nothing but such words. */
export function isBackchannel(text: string): boolean {
  const plain = wordsOf(text).join(' ');
  if (plain === '' || plain.split(' ').length > MAX_BACKCHANNEL_WORDS) return false;
  return plain
    .replace(WHOLE_PHRASES, '')
    .split(' ')
    .every((word) => word === '' || BACKCHANNELS.has(word));
}

function wordsOf(text: string): string[] {
  return text
    .toLowerCase()
    .split(/[^\p{L}\p{N}'-]+/u)
    .filter((word) => word !== '');
}
