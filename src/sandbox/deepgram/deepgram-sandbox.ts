import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { z } from 'zod';
import { createFaultSwitch, type Fault, refuseHandshake } from '../faults.ts';
import { type Brain, type BrainReply, type BrainRequest, createRuleBrain } from '../openai/brain.ts';
import { createSandboxApp, listenOnLoopback, type SandboxServer } from '../sandbox-server.ts';
import type { AgentSettings } from './agent-messages.ts';
import { startAgentSocket } from './agent-socket.ts';
import { type DeepgramClose, deepgramErrors, refuse } from './deepgram-errors.ts';
import { listenAsFlux } from './flux.ts';
import { type Json, type ListenSession, startListenSocket } from './listen-socket.ts';
import { listenAsNova } from './nova.ts';

export interface DeepgramSandboxOptions {
  /** The only key that is let in. Without it, any. */
  apiKey?: string | undefined;
  port?: number | undefined;
  /** A session that hears nothing for so long is closed. Milliseconds; the real one's are 10 s. */
  idleTimeoutMs?: number;
  /** What the voice agent thinks with. Default: the rules of brain.yaml. */
  brain?: Brain | undefined;
  /** From the end of the user's turn to the agent's first word. Milliseconds. */
  thinkMs?: number;
  /** How much faster than it is spoken the agent's sound comes. */
  speed?: number;
}

export interface DeepgramSandbox extends SandboxServer {
  /** Living sessions. */
  readonly sessions: number;
  /** What the voice agent was set up with, oldest first. */
  readonly agentSettings: readonly AgentSettings[];
  /** What the voice agent's brain was asked and what it replied, oldest first. */
  readonly agentReplies: readonly { request: BrainRequest; reply: BrainReply }[];
  /** Closes every living session, with a code and a reason. */
  closeSessions(reason: DeepgramClose): void;
  /** Ends every living session with an error message and a close. */
  failSessions(code: string, description?: string): void;
  /** Cuts every session without a word. */
  dropSessions(): void;
  /** The living sessions hear nothing more, and say nothing; the connections stay. */
  deafen(): void;
}

const rate = z.coerce.number().int().multipleOf(8000).min(8000).max(48_000);
const Nova = z.object({
  model: z.string().default('base-general'),
  encoding: z.literal('linear16'),
  sample_rate: rate,
  channels: z.coerce.number().int().min(1).max(1).default(1),
  interim_results: z.stringbool().default(false),
  endpointing: z.string().default('10'),
  punctuate: z.stringbool().default(false),
  smart_format: z.stringbool().default(false),
  language: z.string().default('en'),
});
const Flux = z.object({
  model: z.enum(['flux-general-en', 'flux-general-multi']),
  encoding: z.literal('linear16'),
  sample_rate: rate,
  eot_threshold: z.coerce.number().min(0.5).max(1).default(0.7),
  eot_timeout_ms: z.coerce.number().min(500).max(60_000).default(5_000),
  language_hint: z.string().min(1).optional(),
});

/** Deepgram in miniature: both streaming sockets for what the sandbox's voice speaks, the voice agent, and the projects. */
export async function startDeepgramSandbox(options: DeepgramSandboxOptions = {}): Promise<DeepgramSandbox> {
  const { apiKey, idleTimeoutMs = 10_000, port, brain = createRuleBrain(), thinkMs = 60, speed = 20 } = options;
  const agentSettings: AgentSettings[] = [];
  const agentReplies: { request: BrainRequest; reply: BrainReply }[] = [];
  const faults = createFaultSwitch({ presets: deepgramErrors });
  const app = createSandboxApp(faults);
  const isKnown = ({ headers }: { headers: IncomingMessage['headers'] }) => {
    const key = /^token (.+)$/i.exec(headers.authorization ?? '')?.[1];
    return key !== undefined && (apiKey === undefined || key === apiKey);
  };
  app.get('/v1/projects', (request, reply) => {
    const { status, body, headers } = deepgramErrors.invalidAuth401;
    if (!isKnown(request))
      return reply
        .code(status)
        .headers(headers ?? {})
        .send(body);
    return reply.send({ projects: [{ project_id: randomUUID(), name: 'Sandbox' }] });
  });

  const sockets = new WebSocketServer({ noServer: true, maxPayload: 2_000_000 });
  const sessions = new Map<WebSocket, ListenSession>();
  app.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    faults.upgrade(request, socket, (fault) => {
      const asked = isKnown(request) ? (isAgent(request) ? agent : understand(request, idleTimeoutMs)) : deepgramErrors.invalidAuth401;
      if ('kind' in asked) return refuseHandshake(asked, socket);
      sockets.handleUpgrade(request, socket, head, (ws) => {
        ws.on('close', () => sessions.delete(ws));
        sessions.set(ws, asked.start(ws, fault));
      });
    });
  });
  const agent: Asked = {
    start: (ws, fault) =>
      startAgentSocket(ws, {
        ...{ brain, idleTimeoutMs, thinkMs, speed, fault },
        onSettings: (settings) => agentSettings.push(settings),
        onThought: (thought) => agentReplies.push(thought),
      }),
  };
  const dropSessions = () => {
    for (const ws of sockets.clients) ws.terminate();
  };
  app.addHook('preClose', async () => dropSessions());
  const server = await listenOnLoopback(app, faults, port);
  return {
    ...server,
    agentSettings,
    agentReplies,
    get sessions() {
      return sockets.clients.size;
    },
    closeSessions(reason) {
      for (const session of sessions.values()) session.close(reason);
    },
    failSessions(code, description = code) {
      for (const session of sessions.values()) session.fail(code, description);
    },
    dropSessions,
    deafen() {
      for (const ws of sockets.clients) ws.removeAllListeners('message');
    },
  };
}

type Say = (message: Json) => void;

/** What a handshake asks for. */
interface Asked {
  start(ws: WebSocket, fault: Fault | undefined): ListenSession;
}

function isAgent(request: IncomingMessage): boolean {
  return new URL(request.url ?? '/', 'http://sandbox').pathname === '/v1/agent/converse';
}

/** What a handshake asks for, or why it is refused. */
function understand(request: IncomingMessage, idleTimeoutMs: number): Asked | Extract<Fault, { kind: 'status' }> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://sandbox');
  const query = Object.fromEntries(searchParams);
  if (pathname === '/v1/listen') {
    const { data, error } = Nova.safeParse(query);
    if (!data) return refuseQuery(error);
    const { model, interim_results: interims, sample_rate: sampleRate } = data;
    const nova = { sampleRate, signsOfLife: ['KeepAlive'], listen: (say: Say) => listenAsNova(say, { model, interims }) };
    return { start: (ws, fault) => startListenSocket(ws, { ...nova, idleTimeoutMs, fault }) };
  }
  if (pathname === '/v2/listen') {
    const { data, error } = Flux.safeParse(query);
    if (!data) return refuseQuery(error);
    const { sample_rate: sampleRate, eot_threshold: eotThreshold, eot_timeout_ms: eotTimeoutMs } = data;
    const flux = { sampleRate, signsOfLife: [], listen: (say: Say) => listenAsFlux(say, { eotThreshold, eotTimeoutMs }) };
    return { start: (ws, fault) => startListenSocket(ws, { ...flux, idleTimeoutMs, fault }) };
  }
  return refuse(404, 'NOT_FOUND', 'There is nothing here.');
}

function refuseQuery({ issues }: z.ZodError): Extract<Fault, { kind: 'status' }> {
  const fields = issues.map(({ path }) => path.join('.')).join(', ');
  return refuse(400, 'INVALID_QUERY_PARAMETER', `Failed to deserialize query parameters: ${fields}`);
}
