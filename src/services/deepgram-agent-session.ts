import { fault } from '../error-classification/classify.ts';
import { createAudioBatch } from './audio-batch.ts';
import { readAgentMessage } from './deepgram-agent-messages.ts';
import { type DeepgramAgentModels, settingsMessage, thinkSettings } from './deepgram-agent-settings.ts';
import { deepgramWire } from './deepgram-wire.ts';
import { openServiceSession, type SessionOptions } from './service-session.ts';
import type { SocketMessage } from './service-socket.ts';
import type { AgentEvent, VoiceAgentRequest, VoiceAgentSession } from './voice-agent.ts';

export interface DeepgramAgentSessionOptions extends SessionOptions {
  models: DeepgramAgentModels;
  request: VoiceAgentRequest;
  /** From the end of the callee's turn to the first of the reply. From a reply's words to their sound it is `stallMs`. Milliseconds. */
  replyMs: number;
  /** Milliseconds. */
  keepAliveMs: number;
}

/** Sent together: four frames, as the service advises. Milliseconds. */
const PIECE_MS = 80;

/** Sets up a session; `ready` resolves when the service listens, and rejects with whatever was thrown. */
export function startDeepgramAgentSession(options: DeepgramAgentSessionOptions): { ready: Promise<void>; session: VoiceAgentSession } {
  const { url, apiKey, models, request, replyMs, stallMs, keepAliveMs, toServiceError } = options;
  const bytesPerMs = (request.sampleRate * 2) / 1000;
  let due: NodeJS.Timeout | undefined;
  /** Of the reply that is being made. */
  let wordsCame = false;

  const wire = openServiceSession({
    wire: { ...deepgramWire(url, apiKey), onMessage, onBinary: (pcm) => wire.isOpen && onEvent({ kind: 'sound', pcm }) },
    signal: request.signal,
    bytesPerMs,
    stallMs,
    // What waits to be sent is a sign of life, too.
    keepAlive: { afterMs: keepAliveMs, send: () => audio.flush() || tell({ type: 'KeepAlive' }) },
    onEnd: () => clearTimeout(due),
    onError: request.onError,
    toServiceError,
  });
  const audio = createAudioBatch({ bytesPerMs, pieceMs: PIECE_MS, send: wire.send });

  function onMessage(type: string, message: SocketMessage): void {
    const heard = readAgentMessage(type, message);
    if (heard === undefined) return;
    switch (heard.kind) {
      case 'welcome':
        wire.send(JSON.stringify(settingsMessage(request, models)));
        break;
      case 'ready':
        wire.opened();
        break;
      case 'failure':
        wire.fail(heard.error);
        break;
      default:
        if (wire.isOpen) onEvent(heard);
    }
  }

  function onEvent(event: AgentEvent): void {
    if (event.kind === 'callee-said') expectReply();
    else if (event.kind === 'words') {
      wordsCame = true;
      expect(stallMs, 'its sound');
    } else if (event.kind !== 'warning' && event.kind !== 'latency') clearTimeout(due);
    request.onEvent(event);
  }

  /** A service that is slow is one that failed. */
  function expect(ms: number, what: string): void {
    clearTimeout(due);
    due = setTimeout(() => wire.fail(fault('no-answer', `${what} did not come within ${ms} ms`)), ms);
  }

  function expectReply(): void {
    wordsCame = false;
    expect(replyMs, 'a reply');
  }

  function tell(message: object): void {
    if (wire.isOpen) wire.send(JSON.stringify(message));
  }

  function askFor(message: object): void {
    if (!wire.isOpen) return;
    expectReply();
    tell(message);
  }

  return {
    ready: wire.ready,
    session: {
      hear: (pcm) => wire.isOpen && audio.push(pcm),
      say: (text, when = 'instead') =>
        askFor({ type: 'InjectAgentMessage', message: text, behavior: when === 'after' ? 'queue' : 'interrupt' }),
      ask: (text) => askFor({ type: 'InjectUserMessage', content: text }),
      answerToolCall({ callId, name }, output) {
        tell({ type: 'FunctionCallResponse', id: callId, name, content: output });
        // A model that has said something already may leave it at that.
        if (wire.isOpen && !wordsCame) expect(replyMs, 'a reply');
      },
      // Of the two messages that change the prompt this one surely replaces it; the documents disagree about UpdatePrompt.
      briefAnew: () => tell({ type: 'UpdateThink', think: thinkSettings(request.brief(), models.think) }),
      giveUpOn: (code, message) => wire.fail(fault(code, message)),
      close: wire.close,
    },
  };
}
