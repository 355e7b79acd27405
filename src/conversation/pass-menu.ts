import type { AgentTalk } from './agent-talk.ts';
import type { ReplyContext } from './begin-reply.ts';
import { machineWords, screeningAnswer } from './machine-phrases.ts';
import type { MachineClosing, MachineContext } from './meet-machine.ts';
import { startReply } from './reply.ts';
import type { ToolCall } from './tools/tool.ts';
import { outputOf } from './tools/toolbox.ts';

/** A menu that leads deeper than this leads nowhere. */
const MAX_MENUS = 6;
/** From the first menu to a person, waiting music and all. Milliseconds. */
const MENU_MS = 180_000;
/** The model's own time for one key: the menu begins anew meanwhile, which does no harm. Milliseconds. */
const CHOICE_MS = 15_000;
const SEND_DTMF = 'send_dtmf';
const NOT_NOW = JSON.stringify({ error: 'Not done: a recorded menu is on the line. Only send_dtmf is there now.' });

const NOTE =
  'The last words were a recorded menu, not a person. Nothing that you write now is spoken. Call send_dtmf with the key that leads to the person or department that you want; when no key does, write nothing and call nothing.';

export type MenuContext = MachineContext & Omit<ReplyContext, 'earlyReplies'> & { agent?: AgentTalk | undefined };

/**
 * Goes through the menus of whoever answered, key by key, as the model chooses. Undefined: a person is on the line, who has heard nothing of us yet.
 * `voicemail`: a mailbox is. Throws when the call is over.
 */
export async function passMenu(context: MenuContext): Promise<MachineClosing | 'voicemail' | undefined> {
  context.agent?.follow({ note: NOTE, tools: [SEND_DTMF] });
  try {
    return await throughMenus(context);
  } finally {
    context.agent?.follow(undefined);
  }
}

async function throughMenus(context: MenuContext): Promise<MachineClosing | 'voicemail' | undefined> {
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

async function pressKey(context: MenuContext): Promise<void> {
  const { transcript, toolbox, agent, over } = context;
  const signal = AbortSignal.any([over, AbortSignal.timeout(CHOICE_MS)]);
  const call = agent ? await chosenBy(agent, signal) : await chosen(context, signal);
  over.throwIfAborted();
  if (call === undefined) return;
  const result = await toolbox.run(call, { signal: over, say: async () => {} });
  over.throwIfAborted();
  if (result.kind !== 'closing') transcript.tool(call, outputOf(result));
}

async function chosen({ languageModel, instructions, transcript, toolbox, campaign, now, over }: MenuContext, signal: AbortSignal) {
  const tools = toolbox.describe().filter(({ name }) => name === SEND_DTMF);
  const messages = [...transcript.messages(), { role: 'system' as const, text: NOTE }];
  const reply = startReply({ languageModel, request: { instructions, messages, tools }, language: campaign.language, signal, now });
  const { toolCalls, error } = await reply.done;
  over.throwIfAborted();
  if (error !== undefined) throw error;
  return toolCalls.find(isKeys);
}

/** What the agent says meanwhile nobody hears. */
async function chosenBy(agent: AgentTalk, signal: AbortSignal): Promise<ToolCall | undefined> {
  while (!signal.aborted) {
    const reply = await agent.reply(signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
    if (reply === undefined) return undefined;
    for await (const line of reply.lines) for await (const _sound of line.sound) if (reply.toolCalls.some(isKeys)) break;
    agent.cutOff(reply, '');
    const call = reply.toolCalls.find(isKeys);
    if (call !== undefined || reply.toolCalls.length === 0) return call;
    for (const other of reply.toolCalls) agent.answerToolCall(other, NOT_NOW);
  }
  return undefined;
}

const isKeys = ({ name }: ToolCall) => name === SEND_DTMF;
