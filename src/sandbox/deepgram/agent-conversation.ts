import { randomUUID } from 'node:crypto';
import type { Brain, BrainReply, BrainRequest } from '../openai/brain.ts';
import { createListener } from '../voice/voice.ts';
import { createAgentLatency } from './agent-latency.ts';
import type { AgentSettings, ClientMessage, History, Think } from './agent-messages.ts';
import { createAgentMouth } from './agent-mouth.ts';
import { isLoud, type Json } from './listen-socket.ts';

/** So much sound in one go is somebody who speaks. Milliseconds. */
const SPEECH_MS = 80;
/** So much quiet after words ends the user's turn. Milliseconds. */
const END_OF_TURN_MS = 400;

/** What goes on in one session of the voice agent once it was set up. */
export interface AgentConversation {
  take(message: Exclude<ClientMessage, AgentSettings>): void;
  hear(pcm: Buffer): void;
  stop(): void;
}

export interface AgentThinking {
  brain: Brain;
  /** From the end of the user's turn to the first word. Milliseconds. */
  thinkMs: number;
  /** How much faster than it is spoken the sound comes. */
  speed: number;
  onThought: (thought: { request: BrainRequest; reply: BrainReply }) => void;
}

interface AgentConversationOptions extends AgentThinking {
  say: (message: Json) => void;
  sound: (pcm: Buffer) => void;
}

/** Whose turn it is, as the service sees it. */
export function startAgentConversation({ agent, audio }: AgentSettings, options: AgentConversationOptions): AgentConversation {
  const { brain, thinkMs, speed, onThought, say, sound } = options;
  const listener = createListener(audio.input.sample_rate);
  const history: History[] = [...(agent.context?.messages ?? [])];
  let think: Think = agent.think;
  let words: string[] = [];
  let loudMs = 0;
  let quietMs = 0;
  let userSpeaks = false;
  let thinking: NodeJS.Timeout | undefined;
  let waitingFor: { id: string; name: string; arguments: string }[] = [];
  const latency = createAgentLatency(say);
  const mouth = createAgentMouth({
    sampleRate: audio.output.sample_rate,
    speed,
    say: (message) => {
      if (message.type === 'ConversationText') history.push({ type: 'History', role: 'assistant', content: String(message.content) });
      say(message);
    },
    sound: (pcm) => {
      sound(pcm);
      latency.sounded();
    },
    onDone: () => say({ type: 'AgentAudioDone' }),
  });

  function stop(): void {
    clearTimeout(thinking);
    thinking = undefined;
    latency.stop();
    mouth.stop();
  }

  /** The user speaks: whatever the agent was at is over. */
  function yieldTo(): void {
    stop();
    if (waitingFor.length > 0) say({ type: 'FunctionCallCancelled', functions: waitingFor.map(({ id, name }) => ({ id, name })) });
    waitingFor = [];
  }

  function userSaid(content: string): void {
    history.push({ type: 'History', role: 'user', content });
    say({ type: 'ConversationText', role: 'user', content });
    say({ type: 'History', role: 'user', content });
    thinkNext(false);
  }

  function thinkNext(afterTool: boolean): void {
    say({ type: 'AgentThinking', content: '' });
    latency.asked();
    thinking = setTimeout(() => reply(afterTool), thinkMs).unref();
  }

  function reply(afterTool: boolean): void {
    thinking = undefined;
    const request = toBrainRequest(think, history, afterTool);
    const thought = brain(request);
    onThought({ request, reply: thought });
    for (const sentence of thought.text?.match(/[^.!?…]+[.!?…]*["”’)]*\s*/gu) ?? []) mouth.add(sentence.trim());
    const { toolCalls = [] } = thought;
    latency.thought({ text: Boolean(thought.text), toolCall: toolCalls.length > 0 });
    waitingFor = toolCalls.map(({ name, arguments: values }) => ({ id: `fc_${randomUUID()}`, name, arguments: JSON.stringify(values) }));
    if (waitingFor.length > 0) say({ type: 'FunctionCallRequest', functions: waitingFor.map((call) => ({ ...call, client_side: true })) });
    mouth.end();
  }

  function answered({ id, name, content }: Extract<ClientMessage, { type: 'FunctionCallResponse' }>): void {
    const call = waitingFor.find((one) => one.id === id);
    // One that was cancelled meanwhile, or that nobody asked for.
    if (call === undefined) return;
    waitingFor = waitingFor.filter((one) => one !== call);
    history.push({ type: 'History', function_calls: [{ id, name, client_side: true, arguments: call.arguments, response: content }] });
    if (waitingFor.length === 0) thinkNext(true);
  }

  function inject({ message, behavior }: Extract<ClientMessage, { type: 'InjectAgentMessage' }>): void {
    const agentAtIt = mouth.speaking || thinking !== undefined;
    if (behavior !== 'interrupt' && (userSpeaks || (behavior === 'default' && agentAtIt))) {
      say({ type: 'InjectionRefused', message: userSpeaks ? 'The user is speaking.' : 'The agent is speaking.' });
      return;
    }
    if (behavior === 'interrupt') yieldTo();
    mouth.add(message);
    mouth.end();
  }

  return {
    take(message) {
      switch (message.type) {
        case 'KeepAlive':
          break;
        case 'UpdatePrompt':
          think = { ...think, prompt: `${think.prompt}\n${message.prompt}` };
          say({ type: 'PromptUpdated' });
          break;
        case 'UpdateThink':
          think = message.think;
          say({ type: 'ThinkUpdated' });
          break;
        case 'UpdateSpeak':
          say({ type: 'SpeakUpdated' });
          break;
        case 'InjectUserMessage':
          yieldTo();
          userSaid(message.content);
          break;
        case 'InjectAgentMessage':
          inject(message);
          break;
        case 'FunctionCallResponse':
          answered(message);
          break;
        default:
          message satisfies never;
      }
    },
    hear(pcm) {
      words.push(...listener.push(pcm).map(({ text }) => text));
      const ms = (pcm.length * 500) / audio.input.sample_rate;
      if (isLoud(pcm)) {
        loudMs += ms;
        quietMs = 0;
        if (loudMs >= SPEECH_MS && !userSpeaks) {
          userSpeaks = true;
          yieldTo();
          say({ type: 'UserStartedSpeaking' });
        }
        return;
      }
      loudMs = 0;
      quietMs += ms;
      if (!userSpeaks || quietMs < END_OF_TURN_MS) return;
      userSpeaks = false;
      const content = words.join(' ');
      words = [];
      if (content !== '') userSaid(content);
    },
    stop,
  };
}

function toBrainRequest({ prompt, functions }: Think, history: readonly History[], afterTool: boolean): BrainRequest {
  const messages = history.flatMap((item) => ('role' in item ? [{ role: item.role, text: item.content }] : []));
  return {
    instructions: prompt,
    messages,
    heard: messages.findLast(({ role }) => role === 'user')?.text ?? '',
    turn: messages.filter(({ role }) => role === 'user').length,
    tools: functions.map(({ name }) => name),
    afterTool,
  };
}
