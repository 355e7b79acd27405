import type { ReplyContext } from './begin-reply.ts';
import { machineWords, screeningAnswer } from './machine-phrases.ts';
import type { MachineClosing, MachineContext } from './meet-machine.ts';
import { startReply } from './reply.ts';
import { outputOf } from './tools/toolbox.ts';

/** A menu that leads deeper than this leads nowhere. */
const MAX_MENUS = 6;
/** From the first menu to a person, waiting music and all. Milliseconds. */
const MENU_MS = 180_000;
/** The model's own time for one key: the menu begins anew meanwhile, which does no harm. Milliseconds. */
const CHOICE_MS = 15_000;
const SEND_DTMF = 'send_dtmf';

const NOTE =
  'The last words were a recorded menu, not a person. Nothing that you write now is spoken. Call send_dtmf with the key that leads to the person or department that you want; when no key does, write nothing and call nothing.';

export type MenuContext = MachineContext & Omit<ReplyContext, 'earlyReplies'>;

/**
 * Goes through the menus of whoever answered, key by key, as the model chooses. Undefined: a person is on the line, who has heard nothing of us yet.
 * `voicemail`: a mailbox is. Throws when the call is over.
 */
export async function passMenu(context: MenuContext): Promise<MachineClosing | 'voicemail' | undefined> {
  const { ear, transcript, over, watch, now } = context;
  const untilMs = now() + MENU_MS;
  let menus = 0;
  while (menus < MAX_MENUS && now() < untilMs) {
    const turn = await ear.turn({ silenceMs: Math.max(0, untilMs - now()), signal: over });
    if (turn.kind !== 'said') continue;
    transcript.callee(turn);
    const words = machineWords(turn.text);
    if (words === 'voicemail') return 'voicemail';
    if (words === 'ivr') {
      menus++;
      await pressKey(context);
    } else if (menus > 0 && screeningAnswer(turn.text) === 'person') {
      watch.dismiss();
      return undefined;
    }
  }
  return { disposition: 'ivr', reason: 'a menu of keys answered, and none of them led to a person', words: [] };
}

async function pressKey({ languageModel, instructions, transcript, toolbox, campaign, now, over }: MenuContext): Promise<void> {
  const signal = AbortSignal.any([over, AbortSignal.timeout(CHOICE_MS)]);
  const tools = toolbox.describe().filter(({ name }) => name === SEND_DTMF);
  const messages = [...transcript.messages(), { role: 'system' as const, text: NOTE }];
  const reply = startReply({ languageModel, request: { instructions, messages, tools }, language: campaign.language, signal, now });
  const { toolCalls, error } = await reply.done;
  over.throwIfAborted();
  if (error !== undefined) throw error;
  const call = toolCalls.find(({ name }) => name === SEND_DTMF);
  if (call === undefined) return;
  const result = await toolbox.run(call, { signal: over, say: async () => {} });
  over.throwIfAborted();
  if (result.kind !== 'closing') transcript.tool(call, outputOf(result));
}
