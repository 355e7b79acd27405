import type { TranscriptEntry } from '../call/outcome.ts';
import { plainWords } from './plain-words.ts';

/** The same exchange so often is two machines that talk to each other; people change their words. */
const MAX_SAME = 3;
/** Looked at: so many says back. Loops of two or three exchanges are found too. */
const LOOK_BACK = 24;

/** Whether what the callee said last, and what we had said before it, have been said in the same words again and again. */
export function isLoop(entries: readonly TranscriptEntry[]): boolean {
  const says: { speaker: string; text: string }[] = [];
  for (const { speaker, text } of entries.slice(-LOOK_BACK)) {
    const last = says.at(-1);
    if (last?.speaker === speaker) last.text += ` ${plainWords(text)}`;
    else says.push({ speaker, text: plainWords(text) });
  }
  const exchanges = says.flatMap((say, i) => (say.speaker === 'callee' ? `${says[i - 1]?.text ?? ''} / ${say.text}` : []));
  const last = exchanges.at(-1);
  return exchanges.filter((exchange) => exchange === last).length >= MAX_SAME;
}
