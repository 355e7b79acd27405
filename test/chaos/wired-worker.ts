import { join } from 'node:path';
import { type Crossing, type FaultProxy, startFaultProxy, type Verdict } from './fault-proxy.ts';
import { createHttpSplitter } from './http-splitter.ts';
import { createRespSplitter } from './resp-splitter.ts';
import { startWorkerProcess, type WorkerProcess } from './worker-process.ts';

export interface Route {
  service: string;
  proxy: FaultProxy;
}

/** Sees everything that crosses between a worker and its services, and decides on it. */
export type Decide = (service: string, crossing: Crossing) => Verdict | Promise<Verdict>;

/** A worker and the wires to its services, each of which can be made ill by itself. */
export interface WiredWorker extends WorkerProcess {
  readonly routes: readonly Route[];
  route(service: string): FaultProxy;
  /** From now on; undefined: everything passes. */
  decide: Decide | undefined;
  /** SIGKILL, and its wires are taken down. */
  close(): Promise<void>;
}

export interface WiredWorkerOptions {
  name: string;
  roles: readonly string[];
  settings: Readonly<Record<string, string>>;
  /** Of its log. */
  dir: string;
  broken: string | undefined;
  /** Hears of everything, before it is decided on: `redis`, `MARK request`. */
  onCrossing: (service: string, what: string) => void;
}

const ADDRESS = /^(REDIS|ARI|ELEVENLABS|OPENAI|HUBSPOT)(_BASE)?_URL$/;

/** Puts a proxy before every service that the settings name, then starts the worker. It isn't ready yet. */
export async function startWiredWorker({ name, roles, settings, dir, broken, onCrossing }: WiredWorkerOptions): Promise<WiredWorker> {
  const routes: Route[] = [];
  const wiring: { decide: Decide | undefined } = { decide: undefined };
  const wire = async (service: string, url: string) => {
    const proxy = await startFaultProxy({
      targetPort: Number(new URL(url).port),
      splitter: service === 'redis' ? createRespSplitter : createHttpSplitter,
      decide: (crossing) => {
        onCrossing(service, `${crossing.what} ${crossing.side}`);
        return wiring.decide?.(service, crossing) ?? 'pass';
      },
    });
    routes.push({ service, proxy });
    const wired = new URL(url);
    wired.port = String(proxy.port);
    return wired.href.replace(/\/$/, '');
  };
  const wired: Record<string, string> = {};
  for (const [key, value] of Object.entries(settings)) {
    const service = ADDRESS.exec(key)?.[1]?.toLowerCase();
    wired[key] = service === undefined ? value : await wire(service === 'ari' ? 'asterisk' : service, value);
  }
  const worker = await startWorkerProcess({ name, roles, settings: wired, broken, logFile: join(dir, `${name}.log`) });
  return {
    name,
    get running() {
      return worker.running;
    },
    kill: worker.kill,
    freeze: worker.freeze,
    thaw: worker.thaw,
    ready: worker.ready,
    log: worker.log,
    routes,
    route(service) {
      const found = routes.find((one) => one.service === service);
      if (found === undefined) throw new RangeError(`no service ${service}`);
      return found.proxy;
    },
    get decide() {
      return wiring.decide;
    },
    set decide(decide) {
      wiring.decide = decide;
    },
    async close() {
      await worker.kill();
      await Promise.all(routes.map(({ proxy }) => proxy.close()));
    },
  };
}
