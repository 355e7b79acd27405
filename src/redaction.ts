/** Takes out of a text what must not be written down. */
export type Redact = (text: string) => string;

const BLACKED = '[secret]';

/**
 * What a credential is called where it is handed over: headers, addresses, JSON. Only what stands between quotes or behind a `=` is taken
 * for its value: in "check HUBSPOT_ACCESS_TOKEN: it may be wrong" nothing is secret.
 */
const NAMES =
  '(?:authorization|cookie|api[-_]?key|(?:access|refresh|id|bot|auth|single_use)[-_]?token|token|private[-_]?key|password|passwd|passphrase|secret|signature)';

/** The shape of a credential. Without one of these words in a line (in small letters) it can't match: most lines need no closer look. */
interface Shape {
  words: readonly string[];
  shape: RegExp;
  replacement: string;
}

const NAME_WORDS = ['authoriz', 'cookie', 'key', 'token', 'passw', 'passphrase', 'secret', 'signature'];

/** Every expression is bounded or anchored on a literal, so that a hostile line of a megabyte costs no more than any other. */
const SHAPES: readonly Shape[] = [
  // Google's service accounts. In JSON a newline is a backslash and an n, and in JSON within JSON two backslashes.
  {
    words: ['-----begin'],
    shape: /-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(?:[A-Za-z0-9+/=\s]|\\+[nr])*(?:-----END [A-Z ]{0,30}PRIVATE KEY-----)?/g,
    replacement: BLACKED,
  },
  { words: NAME_WORDS, shape: new RegExp(`(${NAMES}\\\\*["']?\\s?[:,=]\\s?\\\\*["'])[^"'\\\\]+`, 'gi'), replacement: `$1${BLACKED}` },
  { words: NAME_WORDS, shape: new RegExp(`(${NAMES}=)[^\\s&"'\\\\;,]+`, 'gi'), replacement: `$1${BLACKED}` },
  // A scheme's name is also a word: a token holds a digit, a sign or a capital in its middle.
  {
    words: ['bearer ', 'basic ', 'token '],
    shape: /\b([Bb]earer|[Bb]asic|Token) (?=[\w.~+/-]*(?:[\d=+/]|[a-z][A-Z]))[\w.~+/=-]{6,}/g,
    replacement: `$1 ${BLACKED}`,
  },
  // Telegram's stands in the path of every request: `/bot123456:AAF…/sendMessage`.
  { words: [':'], shape: /(?<=\d):[\w-]{20,}/g, replacement: `:${BLACKED}` },
  { words: ['%3a'], shape: /(?<=\d%3A)[\w-]{20,}/gi, replacement: BLACKED },
  {
    words: ['sk-', 'sk_', 'pat-', 'pat_', 'xi-', 'xi_', 'rk-', 'rk_', 'whsec_'],
    shape: /\b(?:sk|pat|xi|rk|whsec)[-_][\w*-]{12,}/g,
    replacement: BLACKED,
  },
  { words: ['eyj', 'ya29.', 'aiza'], shape: /\b(?:eyJ[\w-]{8,}\.[\w-]+\.?[\w-]*|ya29\.[\w-]+|AIza[\w-]{30,})/g, replacement: BLACKED },
  { words: ['://'], shape: /(:\/\/[^\s/:@"'\\]{0,64}:)[^\s/@"'\\]{1,256}@/g, replacement: `$1${BLACKED}@` },
];

/** Shorter ones would black out half of every line; such a password is no secret. */
const SHORTEST_SECRET = 4;

/** Takes out the given secrets, also as they look in JSON and in an address, and whatever has the shape of a credential. */
export function createRedactor(secrets: readonly string[]): Redact {
  const forms = secrets.flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)]);
  const known = [...new Set(forms)].filter((form) => form.length >= SHORTEST_SECRET).sort((a, b) => b.length - a.length);
  return (text) => {
    let clean = text;
    for (const form of known) if (clean.includes(form)) clean = clean.replaceAll(form, BLACKED);
    const small = clean.toLowerCase();
    for (const { words, shape, replacement } of SHAPES) {
      if (words.some((word) => small.includes(word))) clean = clean.replace(shape, replacement);
    }
    return clean;
  };
}

/**
 * Where a phone number stands. Elsewhere digits are ids, times and durations, which a log is read for. In front of a
 * plus a word's letter forbids it, except that of an escape: `\n+1202…`.
 */
const WITH_PLUS = /((?<=\\[nrtbf])|(?<![\w-]))(\+\d(?:[ ().-]{0,2}\d){5,19})/g;
/** An address of a telephone. */
const TEL = /\b((?:tel|sips?|callto)(?::|%3A))(\d(?:[ ().-]{0,2}\d){5,19})/gi;
/** What makes a number of the digits behind it. Asterisk's dial strings: PJSIP/12025550123@trunk, PJSIP/trunk/12025550123, Local/… */
const BEFORE = new RegExp(
  [
    '%2B',
    '\\b(?:tel|sips?|callto)(?::|%3A)',
    '\\b(?:PJSIP|SIP|IAX2|DAHDI|Local)(?:/|%2F)(?:[\\w.-]{1,64}(?:/|%2F))?',
    '(?:phone|mobile|msisdn|number|exten|caller|callee|callerid|to|from)\\\\*["\']?\\s?[:=]\\s?\\\\*["\']',
  ]
    .map((form) => `${form}$`)
    .join('|'),
  'i',
);
/** A number of JSON; masked, it takes over the quotes of its name. */
const BEFORE_JSON_NUMBER = /(?:phone|mobile|msisdn|exten|caller|callee|callerid)(\\*["'])\s?:\s?$/i;
/** In front of `12025550123@trunk`: no word, but perhaps an escape, as in `\n12025550123@trunk`. */
const BEFORE_USER_PART = /(?:^|[^\w.]|\\[nrtbf]|%2F)$/i;
/** The longest that any of them looks back. Characters. */
const LOOK_BACK = 90;

/** `+12025550123` → `+12025••••23`: enough to recognise a contact one knows, not enough to call one. */
export function maskPhone(text: string): string {
  let masked = text;
  if (masked.includes('+')) masked = masked.replace(WITH_PLUS, maskFound);
  if (masked.includes(':') || masked.includes('%3')) masked = masked.replace(TEL, maskFound);
  return masked.replace(/\d{6,20}/g, (number, at: number) => {
    const before = masked.slice(Math.max(0, at - LOOK_BACK), at);
    const end = at + number.length;
    if (BEFORE.test(before)) return maskNumber(number);
    if ((masked[end] === '@' || masked.startsWith('%40', end)) && BEFORE_USER_PART.test(before)) return maskNumber(number);
    const quote = BEFORE_JSON_NUMBER.exec(before)?.[1];
    return quote === undefined ? number : `${quote}${maskNumber(number)}${quote}`;
  });
}

function maskFound(_found: string, before: string, number: string): string {
  return before + maskNumber(number);
}

/** Five digits in front and two at the end remain, fewer where that would hide less than four. */
function maskNumber(number: string): string {
  const plus = number.startsWith('+') ? '+' : '';
  const digits = number.replace(/\D/g, '');
  const shown = Math.max(0, Math.min(5, digits.length - 6));
  return `${plus}${digits.slice(0, shown)}${'•'.repeat(digits.length - shown - 2)}${digits.slice(-2)}`;
}
