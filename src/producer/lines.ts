/** A contact's line is some hundred characters; more than this is no contact, and memory stays bounded whatever comes in. */
export const MAX_LINE_CHARACTERS = 65_536;
/** What is kept of a line that is too long, for the rejected file. */
const KEPT_CHARACTERS = 1_000;

export interface Line {
  /** 1-based. */
  number: number;
  text: string;
  /** The text is only the beginning. */
  tooLong: boolean;
}

/** Text to lines, whatever ends them (LF, CRLF, CR), a chunk's worth at a time. */
export async function* splitLines(text: AsyncIterable<string>): AsyncGenerator<Line[]> {
  let number = 1;
  let open = '';
  let tooLong = false;
  const keep = (piece: string) => {
    if (!tooLong) open += piece;
    if (open.length <= MAX_LINE_CHARACTERS) return;
    tooLong = true;
    open = open.slice(0, KEPT_CHARACTERS);
  };
  const close = (): Line => {
    const line = { number, text: open, tooLong };
    number += 1;
    open = '';
    tooLong = false;
    return line;
  };
  let afterReturn = false;
  for await (const chunk of text) {
    if (chunk === '') continue;
    // A CRLF that two chunks share is one line's end.
    const pieces = (afterReturn && chunk.startsWith('\n') ? chunk.slice(1) : chunk).split(/\r\n|\n|\r/);
    afterReturn = chunk.endsWith('\r');
    const lines: Line[] = [];
    for (const [index, piece] of pieces.entries()) {
      if (index > 0) lines.push(close());
      keep(piece);
    }
    if (lines.length > 0) yield lines;
  }
  if (open !== '') yield [close()];
}
