import type { AgentReply } from './agent-reply.ts';
import type { AgentTalk } from './agent-talk.ts';
import { isBackchannel } from './asides.ts';
import type { Deliver } from './delivery.ts';
import type { DialogueContext } from './dialogue.ts';
import { unheardSentences } from './heard-text.ts';
import type { Spoken } from './speaking.ts';
import type { SaidReply } from './turn.ts';

export interface SayAgentReply {
  talk: AgentTalk;
  context: Pick<DialogueContext, 'campaign' | 'toolbox' | 'ear' | 'transcript' | 'stopwatch' | 'onState' | 'now'>;
  deliver: Deliver;
  /** Said first, by the agent too. */
  first: string[];
}

/** Has the agent's reply heard, as far as the callee lets it. One that broke off with its connection, or for a "mhm", is gone on with. */
export async function sayAgentReply({ talk, context, deliver, first }: SayAgentReply): Promise<SaidReply> {
  const { campaign, toolbox, ear, transcript, stopwatch, onState, now } = context;
  const askedMs = now();
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
    const delivery = await deliver(speech, () => (endsTalk() ? 'nothing' : 'sound'));
    if (first.length === 0 && reply) stopwatch.spoken({ askedMs, firstWordMs: reply.firstWordMs, firstSoundMs: delivery.startedAtMs });
    written.push(...(reply?.written ?? []));
    const said = { delivery, sentences: [...first, ...written] };
    const toolCalls = [...(reply?.toolCalls ?? [])];
    const isBroken = toolCalls.length === 0 && reply && (reply.cutShort === 'lost' || isStopped(reply, delivery.text));
    // Their words come first, also those that came when nobody waited for a barge-in any more.
    const cutOff = delivery.cutOff || (isBroken && ear.halfHeard !== undefined && !isBackchannel(ear.halfHeard.text));
    if (cutOff) {
      if (reply) talk.cutOff(reply, delivery.text);
      said.delivery.cutOff = true;
    } else if (isBroken) {
      const aside = ear.takeWords();
      if (aside) transcript.aside(aside);
      talk.brokenOff(written.length > 0 ? delivery.text : '');
      continue;
    }
    return { ...said, reply: { written, done: Promise.resolve({ toolCalls }) } };
  }
}

/** The service has stopped for a sound that was no wish to speak: a "mhm", a cough. What it was about to say is owed. */
function isStopped({ cutShort, written }: AgentReply, heard: string): boolean {
  return cutShort === 'stopped' && unheardSentences(written, heard).length > 0;
}
