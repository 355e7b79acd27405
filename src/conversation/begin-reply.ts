import type { DialogueContext } from './dialogue.ts';
import { owedNote } from './instructions.ts';
import { type Reply, startReply } from './reply.ts';
import { OPT_OUT } from './tools/opt-out.ts';

export type ReplyContext = Pick<
  DialogueContext,
  'transcript' | 'instructions' | 'languageModel' | 'campaign' | 'toolbox' | 'earlyReplies' | 'onOptOut' | 'now'
>;

/** The reply to all that was said: the one that was begun early, when it was begun with the same words. */
export function beginReply(context: ReplyContext, owed: readonly string[], signal: AbortSignal): Reply {
  const messages = context.transcript.messages();
  const last = messages.at(-1);
  const early = owed.length === 0 && last?.role === 'user' ? context.earlyReplies.take(last.text, signal) : undefined;
  context.earlyReplies.drop();
  const note = owed.length > 0 ? [{ role: 'system' as const, text: owedNote(owed) }] : [];
  const reply = early ?? ask(context, [...messages, ...note], signal);
  // Known as soon as it is written: the callee may hang up before the words beside it are spoken.
  reply.onToolCall((call) => {
    if (call.name === OPT_OUT) context.onOptOut();
  });
  return reply;
}

/** The reply to what the callee seems to have said. Nothing of it is spoken or done before it is taken. */
export function beginEarly(context: Omit<ReplyContext, 'earlyReplies' | 'onOptOut'>, text: string, signal: AbortSignal): Reply {
  return ask(context, [...context.transcript.messages(), { role: 'user', text }], signal);
}

function ask(
  { languageModel, instructions, toolbox, campaign, now }: Omit<ReplyContext, 'earlyReplies' | 'onOptOut'>,
  messages: ReturnType<ReplyContext['transcript']['messages']>,
  signal: AbortSignal,
): Reply {
  const request = { instructions, messages, tools: toolbox.describe() };
  return startReply({ languageModel, request, language: campaign.language, signal, now });
}
