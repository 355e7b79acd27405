import { watchForBargeIn } from './barge-in.ts';
import type { DialogueContext } from './dialogue.ts';
import { isOptOut } from './opt-out-phrases.ts';
import { OPT_OUT } from './tools/opt-out.ts';
import type { ToolCall, ToolClosing, ToolContext, ToolResult } from './tools/tool.ts';
import { outputOf } from './tools/toolbox.ts';

const NOT_ENDED = JSON.stringify({ error: 'The call goes on: another tool call of this reply failed. Mend that one, then end the call.' });
const NOT_RUN = JSON.stringify({ error: 'Not done: the person began to speak. Call it again if it is still wanted.' });

/** What the tool calls of one reply have come to. */
export interface ToolsUsed {
  closing?: ToolClosing | undefined;
  /** One of them has to be called again, better. */
  mistaken: boolean;
  /** The callee spoke meanwhile, and what could wait was left undone. */
  bargedIn: boolean;
  /** The callee waited for somebody else who didn't come: they hear at once how it goes on. */
  owesWords: boolean;
}

export interface UseToolsOptions {
  context: Pick<DialogueContext, 'toolbox' | 'transcript' | 'ear' | 'voice' | 'patience' | 'over'>;
  say: ToolContext['say'];
  /** An end is put off until the mistakes beside it are mended. */
  mendBeforeEnding: boolean;
}

/** Runs the tool calls of one reply in turn, those that end the talk last. What comes of each is written down for the model. Throws when the call is over. */
export async function useTools(calls: readonly ToolCall[], options: UseToolsOptions): Promise<ToolsUsed> {
  const { toolbox, transcript } = options.context;
  const endsTalk = ({ name }: ToolCall) => toolbox.find(name)?.endsTalk === true;
  const endings = calls.filter(endsTalk);
  // A wish not to be called again outranks everything.
  const wish = endings.find(({ name }) => name === OPT_OUT);
  const used: ToolsUsed = { mistaken: false, bargedIn: false, owesWords: false };

  function whyLeftUndone(call: ToolCall): string | undefined {
    if (wish !== undefined) return undefined;
    if (used.bargedIn) return NOT_RUN;
    return used.mistaken && options.mendBeforeEnding && endsTalk(call) ? NOT_ENDED : undefined;
  }

  for (const call of [...calls.filter((one) => !endsTalk(one)), ...(wish === undefined ? endings : [wish])]) {
    if (used.closing && endsTalk(call)) break;
    const undone = whyLeftUndone(call);
    if (undone !== undefined) {
      transcript.tool(call, undone);
      continue;
    }
    const { result, bargedIn } = await useTool(call, options);
    const { wantsReply = false, calleeElsewhere = false } = toolbox.find(call.name) ?? {};
    used.bargedIn ||= bargedIn;
    used.mistaken ||= result.kind === 'mistake';
    used.owesWords ||= wantsReply || (calleeElsewhere && result.kind === 'failed');
    if (result.kind === 'closing') used.closing ??= result;
    else transcript.tool(call, outputOf(result));
  }
  return used;
}

async function useTool(call: ToolCall, { context, say }: UseToolsOptions): Promise<{ result: ToolResult; bargedIn: boolean }> {
  const { toolbox, ear, voice, patience, over } = context;
  const tool = toolbox.find(call.name);
  const spent = new AbortController();
  const optOut = new AbortController();
  const bargeIn = watchForBargeIn({ ear, voice, policy: () => (tool?.abortable ? 'words' : 'nothing') });
  // Whoever talks while a phone rings talks to nobody, unless it is to have no more of us.
  const unlisten = tool?.calleeElsewhere
    ? ear.onSound((sound) => sound.kind === 'words' && isOptOut(sound.text) && optOut.abort(new Error('the callee opts out')))
    : undefined;
  const stopWatching = tool?.calleeElsewhere ? undefined : patience.watch((error) => spent.abort(error));
  try {
    const signal = AbortSignal.any([over, bargeIn.signal, optOut.signal, spent.signal]);
    const result = await toolbox.run(call, { signal, say });
    over.throwIfAborted();
    if (!bargeIn.signal.aborted) spent.signal.throwIfAborted();
    return { result, bargedIn: bargeIn.signal.aborted || optOut.signal.aborted };
  } finally {
    bargeIn.stop();
    unlisten?.();
    await stopWatching?.();
  }
}
