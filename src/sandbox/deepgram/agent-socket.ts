import { randomUUID } from 'node:crypto';
import type { WebSocket } from 'ws';
import { z } from 'zod';
import type { Fault } from '../faults.ts';
import { type AgentConversation, type AgentThinking, startAgentConversation } from './agent-conversation.ts';
import { type AgentSettings, ClientMessage } from './agent-messages.ts';
import { DEEPGRAM_CLOSES } from './deepgram-errors.ts';
import { type Json, type ListenSession, parseJson } from './listen-socket.ts';

export interface AgentSocketOptions extends AgentThinking {
  /** A client that sends nothing for so long is given up. Milliseconds. */
  idleTimeoutMs: number;
  fault: Fault | undefined;
  onSettings: (settings: AgentSettings) => void;
}

/** `/v1/agent/converse`: hears what the sandbox's voice speaks, thinks by a brain, speaks by the same voice. Settings come first, and once. */
export function startAgentSocket(socket: WebSocket, options: AgentSocketOptions): ListenSession {
  const { fault, idleTimeoutMs } = options;
  const say = (message: Json) => socket.readyState === socket.OPEN && socket.send(JSON.stringify(message));
  const sound = (pcm: Buffer) => socket.readyState === socket.OPEN && socket.send(pcm);
  let idle: NodeJS.Timeout | undefined;
  let conversation: AgentConversation | undefined;
  const session: ListenSession = {
    close(reason) {
      clearTimeout(idle);
      conversation?.stop();
      const [code, text] = DEEPGRAM_CLOSES[reason];
      socket.close(code, text);
    },
    fail(code, description) {
      say({ type: 'Error', code, description });
      session.close('serverFault');
    },
  };
  socket.on('error', () => {});
  socket.on('close', () => {
    clearTimeout(idle);
    conversation?.stop();
  });
  if (fault?.kind === 'lie') {
    socket.send(fault.body);
    socket.close(1011);
    return session;
  }
  if (fault?.kind === 'reset' && fault.when === 'after-headers') {
    socket.terminate();
    return session;
  }
  const stayAwake = () => {
    clearTimeout(idle);
    idle = setTimeout(() => session.fail('CLIENT_MESSAGE_TIMEOUT', 'We waited too long for a websocket message.'), idleTimeoutMs).unref();
  };

  const tooEarly = () => session.fail('NON_SETTINGS_MESSAGE_BEFORE_SETTINGS', 'Settings must come first.');

  function onText(text: string): void {
    const json = parseJson(text);
    const { data: message, error } = ClientMessage.safeParse(json);
    if (message === undefined) {
      const isSettings = typeof json === 'object' && json !== null && 'type' in json && json.type === 'Settings';
      session.fail(isSettings ? 'INVALID_SETTINGS' : 'UNPARSABLE_CLIENT_MESSAGE', z.prettifyError(error));
    } else if (message.type !== 'Settings') {
      if (conversation === undefined) tooEarly();
      else conversation.take(message);
    } else if (conversation !== undefined) session.fail('SETTINGS_ALREADY_APPLIED', 'Settings were sent already.');
    else {
      options.onSettings(message);
      conversation = startAgentConversation(message, { ...options, say, sound });
      say({ type: 'SettingsApplied' });
    }
  }

  socket.on('message', (data, isBinary) => {
    stayAwake();
    if (fault?.kind === 'stall') return;
    if (fault?.kind === 'reset') socket.terminate();
    else if (fault?.kind === 'truncate') socket.close(1000);
    else if (!isBinary) onText(String(data));
    else if (conversation === undefined) tooEarly();
    else conversation.hear(data as Buffer);
  });
  say({ type: 'Welcome', request_id: randomUUID() });
  stayAwake();
  return session;
}
