import { timingSafeEqual } from 'node:crypto';
import { resolve } from 'node:path';
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { FastifyAdapter } from '@bull-board/fastify';
import basicAuth from '@fastify/basic-auth';
import fastifyStatic from '@fastify/static';
import type { Queue } from 'bullmq';
import { type FastifyInstance, fastify } from 'fastify';
import { UserError } from '../errors.ts';
import type { HealthMonitor } from './health-monitor.ts';
import { addHealthRoutes } from './health-routes.ts';
import { type QueueCounts, renderStatusPage } from './status-page.ts';
import { startWatch } from './watch.ts';

export interface WebServerOptions {
  host: string;
  /** 0 picks a free one. */
  port: number;
  username: string;
  password: string;
  /** Every queue there is. */
  queues: readonly Queue[];
  recordingsDir: string;
  health: HealthMonitor;
}

export interface WebServer {
  /** Where it listens, e.g. `http://127.0.0.1:15000`. */
  readonly url: string;
  readonly boardUrl: string;
  readonly recordingsUrl: string;
  stop(): Promise<void>;
}

const BOARD_PATH = '/board';
const RECORDINGS_PATH = '/recordings';

/** How often the jobs are counted for the status page. Milliseconds. */
const COUNT_EVERY_MS = 2_000;

/**
 * The status page, Bull Board on every queue and the recordings, all behind a password; the health pages, open to everybody.
 * @throws UserError when the port is taken.
 */
export async function startWebServer(options: WebServerOptions): Promise<WebServer> {
  const app = fastify({ logger: false });
  await app.register(basicAuth, { validate: checkPassword(options), authenticate: { realm: 'Ringfence' } });
  app.addHook('onRequest', (request, reply, done) => {
    if (request.routeOptions.config.open === true) done();
    else app.basicAuth(request, reply, done);
  });
  addHealthRoutes(app, options.health);
  const board = new FastifyAdapter();
  board.setBasePath(BOARD_PATH);
  createBullBoard({
    queues: options.queues.map((queue) => new BullMQAdapter(queue)),
    serverAdapter: board,
    options: { uiConfig: { boardTitle: 'Ringfence' } },
  });
  await app.register(board.registerPlugin(), { prefix: BOARD_PATH });
  await app.register(fastifyStatic, {
    root: resolve(options.recordingsDir),
    prefix: `${RECORDINGS_PATH}/`,
    index: false,
    list: listRecordings,
  });
  addStatusPage(app, options);
  const url = await listen(app, options);
  return { url, boardUrl: url + BOARD_PATH, recordingsUrl: `${url}${RECORDINGS_PATH}/`, stop: () => app.close() };
}

function addStatusPage(app: FastifyInstance, { queues, health }: WebServerOptions): void {
  const counts = startWatch(() => countJobs(queues), COUNT_EVERY_MS);
  app.addHook('onClose', async () => counts.stop());
  const links = [
    { title: 'Bull Board', path: BOARD_PATH },
    { title: 'Recordings', path: `${RECORDINGS_PATH}/` },
    { title: 'Health as JSON', path: '/health' },
  ];
  app.get('/', async (_request, reply) => {
    const page = renderStatusPage({ health: health.report(), queues: counts.latest(), links, now: Date.now() });
    return reply
      .type('text/html; charset=utf-8')
      .header('cache-control', 'no-store')
      .header('content-security-policy', PAGE_POLICY)
      .send(page);
  });
}

/** Nothing is loaded, nothing runs, nobody frames it. */
const PAGE_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

async function countJobs(queues: readonly Queue[]): Promise<QueueCounts> {
  const counted = await Promise.all(queues.map(async (queue) => [queue.name, await queue.getJobCounts()] as const));
  return Object.fromEntries(counted);
}

/** Compared in constant time, so that the time taken tells nothing of the password. */
function checkPassword({ username, password }: WebServerOptions) {
  return async (givenName: string, givenPassword: string): Promise<Error | undefined> => {
    const matches = [equal(givenName, username), equal(givenPassword, password)];
    return matches.every(Boolean) ? undefined : new Error('Wrong user name or password.');
  };
}

function equal(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}

const listRecordings = {
  format: 'html' as const,
  names: [''],
  render: (_dirs: unknown, files: { href: string; name: string }[]) => {
    const rows = files.map((file) => `<li><a href="${encodeURI(file.href)}">${file.name.replace(/[<&]/g, '')}</a></li>`);
    return `<!doctype html><title>Recordings</title><h1>Recordings</h1><p>Left: the agent. Right: the callee.</p><ul>${rows.join('')}</ul>`;
  },
};

async function listen(app: FastifyInstance, { host, port }: WebServerOptions): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (error) {
    await app.close();
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new UserError(`The web pages can't listen on ${host}:${port}: another program does. Stop it, or set WEB_PORT to a free port.`);
  }
}
