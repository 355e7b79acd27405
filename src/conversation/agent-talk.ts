import type { ServiceError } from '../errors.ts';
import type { LanguageModel, ModelMessage, ModelTool } from '../services/language-model.ts';
import type { SpeechToText } from '../services/speech-to-text.ts';
import type { TextToSpeech } from '../services/text-to-speech.ts';
import type { AgentEvent, AgentLatency, VoiceAgent, VoiceAgentSession } from '../services/voice-agent.ts';
import { type AgentRules, createChangingBrief } from './agent-brief.ts';
import { createAgentConnection } from './agent-connection.ts';
import { createAgentHearing } from './agent-hearing.ts';
import { createOwnWords } from './agent-own-words.ts';
import { createAgentQuestion } from './agent-question.ts';
import { createAgentReplies } from './agent-replies.ts';
import type { AgentReply } from './agent-reply.ts';
import { bargedInNote, toolNote } from './instructions.ts';
import type { ToolCall } from './tools/tool.ts';

/** What a tool call has come to that was never carried out, for other rules hold now. */
const NOT_NOW = JSON.stringify({ error: 'Not done: this tool is not there at the moment.' });

export interface AgentTalkOptions {
  voiceAgent: VoiceAgent;
  /** The campaign's. */
  voice: string;
  instructions: () => string;
  tools: () => readonly ModelTool[];
  /** What was said so far. */
  messages: () => readonly ModelMessage[];
  /** At once, while words before it are still heard. */
  onToolCall: (call: ToolCall) => void;
  /** Milliseconds from the answer. */
  now: () => number;
  log: { warn(facts: object, message: string): void };
}

/** A voice agent, taken apart into what a conversation is made of. */
export interface AgentTalk {
  /** Opens the connection. */
  readonly speechToText: SpeechToText;
  /** Thinks by itself: nobody is to ask it. */
  readonly languageModel: LanguageModel;
  /** What the service measured of its replies. */
  readonly latencies: readonly AgentLatency[];
  /** Has our own words spoken by the agent. */
  readonly textToSpeech: TextToSpeech;
  /** The reply to what the callee said last; asked for again when it was lost or never came. Rejects when the connection is gone for good, or the signal aborts. */
  reply(signal: AbortSignal): Promise<AgentReply>;
  /** Whether another reply begins by itself, soon enough and before the callee speaks. It is the next one, then. */
  goesOn(withinMs: number): Promise<boolean>;
  /** Nobody wants the rest of it: the callee heard only this. */
  cutOff(reply: AgentReply, heard: string): void;
  /** A reply of which this was heard ended too early, by no wish of the callee: the next one goes on with it. */
  brokenOff(heard: string): void;
  /** Other rules hold until `undefined`; whatever it was about to say under those before is dropped. */
  follow(rules: AgentRules | undefined): void;
  answerToolCall(call: ToolCall, output: string): void;
}

const ITSELF: LanguageModel = {
  respond() {
    throw new Error('the voice agent thinks by itself');
  },
};

export function createAgentTalk(options: AgentTalkOptions): AgentTalk {
  const { voiceAgent, voice, instructions, tools, messages, onToolCall, now, log } = options;
  const brief = createChangingBrief(instructions, tools);
  const connection = createAgentConnection();
  const question = createAgentQuestion();
  const latencies: AgentLatency[] = [];
  let session: VoiceAgentSession | undefined;
  /** The callee has spoken, or a tool has answered, and the agent is about to go on. */
  let replyDue = false;
  /** Tool calls that the service waits for, by their ids. */
  const unanswered = new Map<string, ToolCall>();

  const replies = createAgentReplies({
    onBegin() {
      replyDue = false;
      question.answered();
    },
    now,
  });

  const ownWords = createOwnWords({
    connection,
    say(text) {
      dropReply();
      // Whatever interrupts the agent makes it forget the tools that it waits for.
      session?.say(text, unanswered.size > 0 ? 'after' : 'instead');
    },
  });

  const hearing = createAgentHearing(async ({ sampleRate, language, onError, signal }) => {
    session = await voiceAgent.open({
      ...{ sampleRate, language, voice, signal, onEvent },
      brief: brief.read,
      history: () => answered(messages()),
      onError(error) {
        connection.fail(error);
        replies.fail(error);
        onError(error);
      },
    });
    connection.up();
    return session;
  });

  function onEvent(event: AgentEvent): void {
    switch (event.kind) {
      case 'callee-speaks':
        dropReply();
        ownWords.end();
        hearing.calleeSpeaks();
        break;
      case 'callee-said':
        if (!question.calleeSaid(event.text)) break;
        dropReply();
        replyDue = true;
        hearing.calleeSaid(event.text);
        break;
      case 'words':
        if (ownWords.speaking) ownWords.onWords(event.text);
        else replies.receive().addWords(event.text);
        break;
      case 'sound':
        if (ownWords.speaking) ownWords.onSound(event.pcm);
        else replies.incoming?.addSound(event.pcm);
        break;
      case 'said':
        if (ownWords.speaking) ownWords.onSaid();
        else replies.end();
        break;
      case 'tool-calls':
        for (const call of event.calls) {
          unanswered.set(call.callId, call);
          onToolCall(call);
        }
        replies.receive().addToolCalls(event.calls);
        break;
      case 'tool-calls-cancelled':
        for (const id of event.callIds) unanswered.delete(id);
        replies.incoming?.cancelToolCalls(event.callIds);
        break;
      case 'latency':
        latencies.push(event);
        break;
      case 'warning':
        log.warn({ code: event.code }, `the voice agent warns: ${event.detail}`);
        break;
      case 'lost':
        onLost(event.error);
        break;
      case 'restored':
        connection.up();
        if (replies.awaited) askAgain();
        break;
      default:
        event satisfies never;
    }
  }

  function onLost(error: ServiceError): void {
    connection.down();
    unanswered.clear();
    replyDue = false;
    replies.breakOff('lost');
    ownWords.end(error);
  }

  function dropReply(): void {
    const unheard = replies.drop();
    if (unheard && unheard.written.length > 0) brief.note(bargedInNote(''));
    replyDue = false;
  }

  function askAgain(): void {
    replyDue = true;
    session?.ask(question.ask());
  }

  function answerToolCall(call: ToolCall, output: string): void {
    if (!unanswered.delete(call.callId)) {
      // The callee has spoken since, or the connection was lost: what it is about to say, it says without knowing of this.
      dropReply();
      question.toolCame(toolNote(call.name, output));
      return;
    }
    replyDue = connection.isUp;
    session?.answerToolCall(call, output);
  }

  return {
    speechToText: hearing.speechToText,
    languageModel: ITSELF,
    latencies,
    textToSpeech: ownWords.textToSpeech,
    async reply(signal) {
      const ready = replies.take();
      if (ready) return ready;
      signal.throwIfAborted();
      connection.throwIfGone();
      const reply = replies.next(signal);
      // Somebody waits for one, and none will come by itself.
      if (connection.isUp && !replyDue) askAgain();
      return reply;
    },
    goesOn: replies.begins,
    cutOff(reply, heard) {
      replies.forget(reply);
      if (reply.written.length === 0) return;
      brief.note(bargedInNote(heard));
      session?.briefAnew();
    },
    brokenOff(heard) {
      dropReply();
      question.replyBroke(heard);
    },
    follow(rules) {
      brief.rules = rules;
      dropReply();
      session?.briefAnew();
      for (const call of unanswered.values()) answerToolCall(call, NOT_NOW);
    },
    answerToolCall,
  };
}

/** What the callee said last and nobody answered isn't history yet: the agent is asked to reply to it. */
function answered(messages: readonly ModelMessage[]): readonly ModelMessage[] {
  const last = messages.findLastIndex(({ role }) => role !== 'user' && role !== 'system');
  return messages.slice(0, last + 1);
}
