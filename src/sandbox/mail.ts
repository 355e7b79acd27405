/** A mail as its reader sees it. */
export interface Mail {
  /** Of the envelope: what the server acts on. */
  from: string;
  to: string[];
  /** Names in small letters, values unfolded and decoded. */
  headers: Record<string, string>;
  subject: string;
  text: string;
}

/** Reads a mail of one plain part, which is all that an alert is. */
export function readMail(source: string, from: string, to: string[]): Mail {
  const [head = '', ...rest] = source.split(/\r?\n\r?\n/);
  const lines = head.replace(/\r?\n[ \t]+/g, ' ').split(/\r?\n/);
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), decodeWords(line.slice(colon + 1).trim())];
    }),
  );
  const text = decodeBody(rest.join('\n\n'), headers['content-transfer-encoding'] ?? '7bit');
  return { from, to, headers, subject: headers.subject ?? '', text: text.replaceAll('\r\n', '\n').trimEnd() };
}

function decodeBody(body: string, encoding: string): string {
  if (encoding.toLowerCase() === 'base64') return Buffer.from(body, 'base64').toString('utf8');
  return encoding.toLowerCase() === 'quoted-printable' ? decodeQuoted(body.replace(/=\r?\n/g, '')) : body;
}

/** `=?UTF-8?Q?…?=` and `=?UTF-8?B?…?=`, as in RFC 2047. */
function decodeWords(value: string): string {
  return value
    .replace(/(\?=)\s+(=\?)/g, '$1$2')
    .replace(/=\?utf-8\?([bq])\?([^?]*)\?=/gi, (_word, kind: string, content: string) =>
      kind.toLowerCase() === 'b' ? Buffer.from(content, 'base64').toString('utf8') : decodeQuoted(content.replaceAll('_', ' ')),
    );
}

function decodeQuoted(text: string): string {
  const bytes = text.replace(/=([0-9A-F]{2})/gi, (_code, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
