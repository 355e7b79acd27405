import type { AgentReply } from './agent-reply.ts';
import type { AgentTalk } from './agent-talk.ts';
import type { BargeInPolicy } from './barge-in.ts';
import type { Deliver } from './delivery.ts';
import type { DialogueContext } from './dialogue.ts';
import type { Spoken } from './speaking.ts';
import type { SaidReply } from './turn.ts';

export interface SayAgentReply {
  talk: AgentTalk;
  context: Pick<DialogueContext, 'campaign' | 'toolbox' | 'onState' | 'now'>;
  deliver: Deliver;
  policy: () => BargeInPolicy;
  /** Said first, by the agent too. */
  first: string[];
}

/** Has the agent's reply heard, as far as the callee lets it; one that broke off with its connection goes on when there is a new one. */
export async function sayAgentReply({ talk, context, deliver, policy, first }: SayAgentReply): Promise<SaidReply> {
  const { campaign, toolbox, onState, now } = context;
  const written: string[] = [];
  onState('thinking');
  for (let toSayFirst = first; ; toSayFirst = []) {
    let reply: AgentReply | undefined;

    async function* speech(signal: AbortSignal): AsyncGenerator<Spoken> {
      yield* toSayFirst;
      reply = await talk.reply(signal);
      for await (const line of reply.lines) {
        // The call's length is limited, also in the middle of a reply.
        if (now() >= campaign.limits.maxCallMs) return;
        onState('speaking');
        yield line;
      }
    }

    const endsTalk = () => reply?.toolCalls.some(({ name }) => toolbox.find(name)?.endsTalk) ?? false;
    const delivery = await deliver(speech, () => (endsTalk() ? 'nothing' : policy()));
    written.push(...(reply?.written ?? []));
    const said = { delivery, sentences: [...first, ...written] };
    const toolCalls = [...(reply?.toolCalls ?? [])];
    if (delivery.cutOff) {
      if (reply) talk.cutOff(reply, delivery.text);
    } else if (reply?.lost && toolCalls.length === 0) {
      talk.brokenOff(written.length > 0 ? delivery.text : '');
      continue;
    }
    return { ...said, reply: { written, done: Promise.resolve({ toolCalls }) } };
  }
}
