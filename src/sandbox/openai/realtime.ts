import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { type WebSocket, WebSocketServer } from 'ws';
import { type FaultSwitch, refuseHandshake } from '../faults.ts';
import { errorBody, openAiErrors } from './openai-errors.ts';
import { type ListeningConfig, type ListeningSession, startListeningSession } from './realtime-session.ts';

export interface RealtimeOptions {
  app: FastifyInstance;
  faults: FaultSwitch;
  isKnown: (authorization: string | undefined) => boolean;
  exists: (model: string) => boolean;
}

/** The living sessions of `/v1/realtime`, and what can be done to them. */
export interface RealtimeSandbox {
  readonly count: number;
  /** What the sessions were set up with, oldest first. */
  readonly configs: readonly ListeningConfig[];
  /** How often something was made final. */
  readonly commits: number;
  /** Ends every living session with an error message and a close. */
  fail(error: { type: string; code: string | null; message: string }): void;
  /** Ends every session with a close. */
  close(code: number, reason?: string): void;
  /** Cuts every session without a word. */
  drop(): void;
  /** The living sessions hear nothing more, and say nothing; the connections stay. */
  deafen(): void;
}

/** OpenAI's realtime sessions in miniature, of which only those that transcribe. */
export function serveRealtime({ app, faults, isKnown, exists }: RealtimeOptions): RealtimeSandbox {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: 2_000_000 });
  const sessions = new Map<WebSocket, ListeningSession>();
  const configs: ListeningConfig[] = [];
  let commits = 0;
  app.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    faults.upgrade(request, socket, (fault) => {
      if (!isKnown(request.headers.authorization)) return refuseHandshake(openAiErrors.invalidApiKey401, socket);
      const { pathname, searchParams } = new URL(request.url ?? '/', 'http://sandbox');
      if (pathname !== '/v1/realtime' || searchParams.get('intent') !== 'transcription' || searchParams.has('model')) {
        return refuseHandshake(NOT_HERE, socket);
      }
      sockets.handleUpgrade(request, socket, head, (ws) => {
        ws.on('close', () => sessions.delete(ws));
        sessions.set(
          ws,
          startListeningSession(ws, { fault, exists, onConfig: (config) => configs.push(config), onCommit: () => commits++ }),
        );
      });
    });
  });
  const close = (code: number, reason?: string) => {
    for (const ws of sessions.keys()) ws.close(code, reason);
  };
  const drop = () => {
    for (const ws of sockets.clients) ws.terminate();
  };
  app.addHook('preClose', async () => drop());
  return {
    get count() {
      return sessions.size;
    },
    configs,
    get commits() {
      return commits;
    },
    fail(error) {
      for (const session of sessions.values()) session.complain({ ...error, param: null });
      close(3000, `${error.type}.${error.code}`);
    },
    close,
    drop,
    deafen() {
      for (const ws of sessions.keys()) ws.removeAllListeners('message');
    },
  };
}

const NOT_HERE = {
  kind: 'status',
  status: 400,
  body: errorBody({ type: 'invalid_request_error', code: null, message: 'The sandbox only transcribes.' }),
} as const;
