/** A sentence that never ends is cut at this length, so that the callee hears something. About 20 s of speech. */
const MAX_SENTENCE_CHARACTERS = 300;

/** Dotted words that are followed by more of the same sentence, whatever the next letter looks like. Without their dots. */
const ABBREVIATIONS = new Set(
  (
    'dr mr mrs ms mx prof rev hon gen col lt sgt capt sen rep gov st mt ft vs fig dept approx ext tel nr no ' +
    'hr fr frau hrn dipl ing bzw ca bspw evtl ggf inkl zzgl mio mrd tsd str abs art sog vgl jhd max min geb'
  ).split(' '),
);

/** `p.m. Tuesday` goes on; `p.m. Please come` doesn't. */
const CALENDAR_WORD =
  /^(?:mon|tues|wednes|thurs|fri|satur|sun)day|^(?:january|february|march|april|may|june|july|august|september|october|november|december)\b/i;

const TERMINATORS = '.!?…';
const CLOSERS = '"\'”’“»«)]';

export interface SentenceCutter {
  /** Takes the text as it is written; returns the sentences that are certainly whole. */
  push(delta: string): string[];
  /** No more text will come: what is left. */
  end(): string[];
}

/** Cuts a text into sentences while it is being written. What comes out is fit to be spoken: no markup, no empty sentences. */
export function createSentenceCutter(language: string): SentenceCutter {
  let text = '';
  const german = language.toLowerCase().startsWith('de');

  function take(length: number): string[] {
    const sentence = speakable(text.slice(0, length));
    text = text.slice(length).trimStart();
    return sentence === '' ? [] : [sentence];
  }

  function takeWhole(): string[] {
    const sentences: string[] = [];
    for (let length = endOfFirst(text, german); length > 0; length = endOfFirst(text, german)) sentences.push(...take(length));
    return sentences;
  }

  return {
    push(delta) {
      text = (text + delta).trimStart();
      return takeWhole();
    },
    end() {
      return [...takeWhole(), ...take(text.length)];
    },
  };
}

/** All the sentences of a text that is already whole. */
export function splitSentences(text: string, language: string): string[] {
  const cutter = createSentenceCutter(language);
  return [...cutter.push(text), ...cutter.end()];
}

/** Length of the first whole sentence; 0 while that can't be told. */
function endOfFirst(text: string, german: boolean): number {
  for (let at = 0; at < text.length; at++) {
    if (at >= MAX_SENTENCE_CHARACTERS) return breathingPlace(text.slice(0, at));
    const char = text.charAt(at);
    if (char === '\n') return at + 1;
    if (!TERMINATORS.includes(char)) continue;
    let after = at + 1;
    while (after < text.length && (TERMINATORS + CLOSERS).includes(text.charAt(after))) after++;
    const gap = /^\s+/.exec(text.slice(after))?.[0] ?? '';
    const next = text.slice(after + gap.length);
    if (gap.includes('\n')) return after;
    // What follows decides, so it has to be there.
    if (next === '') return 0;
    if (gap !== '' && isEnd(text.slice(0, at), text.slice(at, after), next, german)) return after;
    at = after - 1;
  }
  return 0;
}

function isEnd(before: string, mark: string, next: string, german: boolean): boolean {
  if (/^\p{Ll}/u.test(next)) return false;
  if (!mark.startsWith('.') || mark.startsWith('..')) return true;
  const word = /[\p{L}\p{N}.]+$/u.exec(before)?.[0] ?? '';
  if (/^[ap]\.m$/i.test(word)) return !CALENDAR_WORD.test(next);
  if (ABBREVIATIONS.has(word.toLowerCase())) {
    // "No. 7", "max. 3" go on; "Oh no. We …" doesn't.
    return (word.toLowerCase() === 'no' || word.toLowerCase() === 'nr') && !/^\p{N}/u.test(next);
  }
  // Initials and "z. B.": one letter before the dot. "So do I." is a sentence.
  if (/(?:^|\.)\p{L}$/u.test(word)) return word === 'I';
  // German ordinals: "am 3. Mai".
  if (german && /^\d{1,2}$/.test(word)) return false;
  return true;
}

/** After the last comma or the like, else after the last space, else right here. */
function breathingPlace(text: string): number {
  const pause = Math.max(...[', ', '; ', ': ', ' – ', ' - '].map((mark) => text.lastIndexOf(mark)));
  const at = pause > text.length / 3 ? pause : text.lastIndexOf(' ');
  return at > 0 ? at + 1 : text.length;
}

/** Without markup, which a voice would read out, and on one line. Nothing at all when there is no letter and no digit in it. */
function speakable(text: string): string {
  const plain = text
    .replace(/[*_#`~|<>]+|\p{Extended_Pictographic}/gu, '')
    .replace(/^\s*[-•]\s+/, '')
    .replace(/\s+/g, ' ')
    .trim();
  return /[\p{L}\p{N}]/u.test(plain) ? plain : '';
}
