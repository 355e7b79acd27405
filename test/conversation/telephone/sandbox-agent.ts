import { startAgentConversation } from '../../../src/sandbox/deepgram/agent-conversation.ts';
import { type AgentSettings, ClientMessage } from '../../../src/sandbox/deepgram/agent-messages.ts';
import type { Brain, BrainReply, BrainRequest } from '../../../src/sandbox/openai/brain.ts';
import { readAgentMessage } from '../../../src/services/deepgram-agent-messages.ts';
import { settingsMessage, thinkSettings } from '../../../src/services/deepgram-agent-settings.ts';
import type { VoiceAgent, VoiceAgentRequest } from '../../../src/services/voice-agent.ts';
import { sleep } from '../../../src/sleep.ts';

const MODELS = { listen: 'nova-3', think: 'open_ai/test', speak: 'aura-2-thalia-en' };

export interface AgentOnTheLine {
  voiceAgent: VoiceAgent;
  settings: AgentSettings[];
  thoughts: { request: BrainRequest; reply: BrainReply }[];
  /** Texts that it was told to say. */
  told: string[];
}

/** The sandbox's voice agent without its socket, so that it keeps to a driven clock; it checks every message as ever. */
export function createAgentOnTheLine(brain: Brain, { speed = 20 } = {}): AgentOnTheLine {
  const settings: AgentSettings[] = [];
  const thoughts: AgentOnTheLine['thoughts'] = [];
  const told: string[] = [];

  function converse(request: VoiceAgentRequest) {
    const first = ClientMessage.parse(settingsMessage(request, MODELS));
    if (first.type !== 'Settings') throw new Error('the settings come first');
    settings.push(first);
    const onEvent = ({ type, ...message }: Record<string, unknown>) => {
      const heard = readAgentMessage(String(type), message);
      if (heard && heard.kind !== 'welcome' && heard.kind !== 'ready' && heard.kind !== 'failure') request.onEvent(heard);
    };
    return startAgentConversation(first, {
      ...{ brain, thinkMs: 60, speed, say: onEvent, onThought: (thought) => thoughts.push(thought) },
      sound: (pcm) => request.onEvent({ kind: 'sound', pcm }),
    });
  }

  return {
    settings,
    thoughts,
    told,
    voiceAgent: {
      async open(request) {
        await sleep(50, request.signal);
        const conversation = converse(request);
        let over = false;
        const close = () => {
          over = true;
          conversation.stop();
        };
        request.signal.addEventListener('abort', close, { once: true });
        const take = (message: object) => {
          const parsed = ClientMessage.parse(message);
          if (!over && parsed.type !== 'Settings') conversation.take(parsed);
        };
        return {
          hear: (pcm) => over || conversation.hear(pcm),
          say(text, when = 'instead') {
            told.push(text);
            take({ type: 'InjectAgentMessage', message: text, behavior: when === 'after' ? 'queue' : 'interrupt' });
          },
          ask: (text) => take({ type: 'InjectUserMessage', content: text }),
          answerToolCall: ({ callId, name }, output) => take({ type: 'FunctionCallResponse', id: callId, name, content: output }),
          briefAnew: () => take({ type: 'UpdateThink', think: thinkSettings(request.brief(), MODELS.think) }),
          giveUpOn: (code) => {
            throw new Error(`given up for ${code}`);
          },
          close,
        };
      },
    },
  };
}
