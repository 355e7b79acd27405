import { fault } from '../error-classification/classify.ts';
import type { ServiceError } from '../errors.ts';
import { readAgentMessage } from './deepgram-agent-messages.ts';
import { type DeepgramAgentModels, settingsMessage, thinkSettings } from './deepgram-agent-settings.ts';
import { openServiceSocket, type SocketMessage } from './service-socket.ts';
import { watchSocket } from './socket-watch.ts';
import type { AgentEvent, VoiceAgentRequest, VoiceAgentSession } from './voice-agent.ts';

export interface DeepgramAgentSessionOptions {
  url: URL;
  apiKey: string;
  models: DeepgramAgentModels;
  request: VoiceAgentRequest;
  /** From the end of the callee's turn to the first of the reply. Milliseconds. */
  replyMs: number;
  /** Without a sign of life for so long the session is lost; the same between a reply's words and their sound. Milliseconds. */
  stallMs: number;
  /** Milliseconds. */
  keepAliveMs: number;
  toServiceError: (error: unknown) => ServiceError;
}

/** Sent together: four frames, as the service advises. Milliseconds. */
const CHUNK_MS = 80;
/** More than this waiting to be sent means that nobody takes it any more. Milliseconds of audio. */
const MAX_BACKLOG_MS = 10_000;

/** Sets up a session; `ready` resolves when the service listens, and rejects with whatever was thrown. */
export function startDeepgramAgentSession(options: DeepgramAgentSessionOptions): { ready: Promise<void>; session: VoiceAgentSession } {
  const { models, request, replyMs, stallMs, keepAliveMs, toServiceError } = options;
  const bytesPerMs = (request.sampleRate * 2) / 1000;
  const { promise: ready, resolve: onReady, reject: onRefused } = Promise.withResolvers<void>();
  ready.catch(() => {});
  let state: 'opening' | 'open' | 'over' = 'opening';
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let lastSentAt = performance.now();
  let watch: { stop(): void } | undefined;
  let due: NodeJS.Timeout | undefined;
  /** Of the reply that is being made. */
  let wordsCame = false;

  const socket = openServiceSocket({
    url: options.url,
    headers: { authorization: `Token ${options.apiKey}` },
    typeField: 'type',
    toBody: (reason) => ({ err_code: /^[A-Z]+-\d{4}/.exec(reason)?.[0], err_msg: reason }),
    onMessage,
    onBinary: (pcm) => state === 'open' && onEvent({ kind: 'sound', pcm }),
    onFailure: fail,
  });
  const onAbort = (): void => finish(() => socket.terminate());
  request.signal.addEventListener('abort', onAbort, { once: true });

  function finish(hangUp: () => void): void {
    if (state === 'over') return;
    state = 'over';
    watch?.stop();
    clearTimeout(due);
    request.signal.removeEventListener('abort', onAbort);
    pending = [];
    hangUp();
  }

  function fail(error: unknown): void {
    const before = state;
    finish(() => socket.terminate());
    if (before === 'opening') onRefused(error);
    else if (before === 'open') request.onError(toServiceError(error));
  }

  function onMessage(type: string, message: SocketMessage): void {
    if (state === 'over') return;
    const heard = readAgentMessage(type, message);
    if (heard === undefined) return;
    switch (heard.kind) {
      case 'welcome':
        send(settingsMessage(request, models));
        break;
      case 'ready':
        start();
        break;
      case 'failure':
        fail(heard.error);
        break;
      default:
        if (state === 'open') onEvent(heard);
    }
  }

  function start(): void {
    if (state !== 'opening') return;
    state = 'open';
    const maxBacklogBytes = MAX_BACKLOG_MS * bytesPerMs;
    const onBeat = (now: number) => now - lastSentAt > keepAliveMs && keepAlive();
    watch = watchSocket({ socket, stallMs, shortestMs: keepAliveMs, maxBacklogBytes, onStall: fail, onBeat });
    onReady();
  }

  function onEvent(event: AgentEvent): void {
    if (event.kind === 'callee-said') expectReply();
    else if (event.kind === 'words') {
      wordsCame = true;
      expect(stallMs, 'its sound');
    } else if (event.kind !== 'warning') clearTimeout(due);
    request.onEvent(event);
  }

  /** A service that is slow is one that failed. */
  function expect(ms: number, what: string): void {
    clearTimeout(due);
    due = setTimeout(() => fail(fault('no-answer', `${what} did not come within ${ms} ms`)), ms);
  }

  function expectReply(): void {
    wordsCame = false;
    expect(replyMs, 'a reply');
  }

  function send(message: string | Buffer | object): void {
    socket.send(typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message));
    lastSentAt = performance.now();
  }

  function tell(message: object): void {
    if (state === 'open') send(message);
  }

  function flush(): void {
    const audio = Buffer.concat(pending);
    pending = [];
    pendingBytes = 0;
    const step = CHUNK_MS * bytesPerMs;
    for (let at = 0; at < audio.length; at += step) send(audio.subarray(at, at + step));
  }

  /** What waits to be sent is a sign of life, too. */
  function keepAlive(): void {
    if (pendingBytes > 0) flush();
    else tell({ type: 'KeepAlive' });
  }

  return {
    ready,
    session: {
      hear(pcm) {
        if (state !== 'open') return;
        pending.push(pcm);
        pendingBytes += pcm.length;
        if (pendingBytes >= CHUNK_MS * bytesPerMs) flush();
      },
      say(text) {
        if (state !== 'open') return;
        expectReply();
        tell({ type: 'InjectAgentMessage', message: text, behavior: 'interrupt' });
      },
      ask(text) {
        if (state !== 'open') return;
        expectReply();
        tell({ type: 'InjectUserMessage', content: text });
      },
      answerToolCall({ callId, name }, output) {
        tell({ type: 'FunctionCallResponse', id: callId, name, content: output });
        // A model that has said something already may leave it at that.
        if (state === 'open' && !wordsCame) expect(replyMs, 'a reply');
      },
      // Of the two messages that change the prompt this one surely replaces it; the documents disagree about UpdatePrompt.
      briefAnew: () => tell({ type: 'UpdateThink', think: thinkSettings(request.brief(), models.think) }),
      giveUpOn: (code, message) => fail(fault(code, message)),
      close: () => finish(() => socket.close()),
    },
  };
}
