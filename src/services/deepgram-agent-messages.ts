import { reportedError } from './deepgram-dialect.ts';
import type { SocketMessage } from './service-socket.ts';
import type { AgentEvent, AgentToolCall } from './voice-agent.ts';

/** What a message of the voice agent means to a session. */
export type AgentHeard = { kind: 'welcome' } | { kind: 'ready' } | { kind: 'failure'; error: Error } | AgentEvent;

/** Undefined for what tells us nothing: acknowledgements, history, thoughts, and what the future brings. */
export function readAgentMessage(type: string, message: SocketMessage): AgentHeard | undefined {
  switch (type) {
    case 'Welcome':
      return { kind: 'welcome' };
    case 'SettingsApplied':
      return { kind: 'ready' };
    case 'Error':
      return { kind: 'failure', error: reportedError(message) };
    case 'Warning':
    case 'InjectionRefused':
      return { kind: 'warning', code: textOf(message.code) || type, detail: textOf(message.description) || textOf(message.message) };
    case 'UserStartedSpeaking':
      return { kind: 'callee-speaks' };
    case 'ConversationText':
      return readText(message);
    case 'AgentAudioDone':
      return { kind: 'said' };
    case 'FunctionCallRequest':
      return readToolCalls(message);
    case 'FunctionCallCancelled':
      return { kind: 'tool-calls-cancelled', callIds: functionsOf(message).map(({ id }) => textOf(id)) };
    case 'LatencyReport':
      return readLatency(message);
    default:
      return undefined;
  }
}

function readText({ role, content }: SocketMessage): AgentEvent | undefined {
  const text = textOf(content);
  if (text === '') return undefined;
  return { kind: role === 'user' ? 'callee-said' : 'words', text };
}

/** A reply without sound, only a tool call, has kept nobody waiting. */
function readLatency(report: SocketMessage): AgentEvent | undefined {
  const [thinkMs, speakMs, totalMs] = [msOf(report.ttt_text_latency), msOf(report.tts_latency), msOf(report.total_latency)];
  const isEmpty = thinkMs === undefined && speakMs === undefined && totalMs === undefined;
  return isEmpty ? undefined : { kind: 'latency', thinkMs, speakMs, totalMs };
}

/** What the service runs itself is none of ours. */
function readToolCalls(message: SocketMessage): AgentEvent | undefined {
  const calls = functionsOf(message).flatMap<AgentToolCall>(({ id, name, arguments: json, client_side: ours }) =>
    ours === false ? [] : [{ callId: textOf(id), name: textOf(name), arguments: textOf(json) }],
  );
  return calls.length > 0 ? { kind: 'tool-calls', calls } : undefined;
}

function functionsOf({ functions }: SocketMessage): SocketMessage[] {
  return Array.isArray(functions) ? functions.filter((one) => typeof one === 'object' && one !== null) : [];
}

/** The service counts in seconds. */
function msOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? Math.round(value * 1_000) : undefined;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value.trim() : '';
}
