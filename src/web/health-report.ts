import type { Heartbeat, ServiceConnection, WorkerSighting } from '../heartbeat/heartbeat.ts';
import { mergeServices, type ServiceHealth } from './service-health.ts';

/** What is known when somebody asks. */
export interface HealthFacts {
  workers: readonly WorkerSighting[];
  /** `connecting`: it has not been asked to the end yet. `read-only`: it answers, and takes nothing. */
  redis: 'connecting' | 'connected' | 'read-only' | 'disconnected';
  /** Why it takes nothing, in a sentence. */
  redisTrouble?: string | undefined;
  /** When the workers' heartbeats were last read. Unix milliseconds. */
  readAt: number | undefined;
}

/** `partial`: in some of the call workers. */
export type ConnectionWord = 'connected' | 'partial' | 'disconnected' | 'unknown';

/** The answer of `GET /health`. Points in time are ISO 8601. Holds nothing that only some may know. */
export interface HealthReport {
  /** `unhealthy`: no call can be placed. `degraded`: calls can be placed, and something is wrong. */
  status: 'healthy' | 'degraded' | 'unhealthy';
  dependencies: {
    /** The event sockets of the call workers. */
    ari: ConnectionWord;
    audiosocket: 'listening' | 'stale' | 'disabled';
    /** Speech-to-text, language model and text-to-speech. */
    ai_provider: ConnectionWord;
    redis: HealthFacts['redis'];
    services: Record<string, ServiceHealth>;
    workers: WorkerHealth[];
  };
  /** Why it is not healthy, in sentences. */
  reasons: string[];
  /** When the workers were last heard of; behind the clock while Redis is away. */
  asOf: string | undefined;
}

export type WorkerHealth =
  | { name: string; state: 'lost'; lastSeenAt: string }
  | {
      name: string;
      state: 'running' | 'draining';
      roles: string[];
      startedAt: string;
      activeCalls: number;
      ari?: { state: string; since: string; lastHeardAt: string | undefined };
    };

/** What is said when no process has the role. Calls go on without either. */
const MISSED = {
  delivery: 'No delivery worker is alive: outcomes are kept until one is (npm run worker:delivery).',
  health: 'No health worker is alive: a service that was down is noticed to be back later than it could be (npm run worker:health).',
};

/** What no call can do without. */
const AI_CAPABILITIES = ['text-to-speech', 'speech-to-text', 'language-model', 'voice-agent'];

const capabilityOf = (service: string) => service.split(':').at(-1) ?? '';
const isAi = ({ service }: ServiceConnection) => AI_CAPABILITIES.includes(capabilityOf(service));
const isTrunk = ({ service }: ServiceConnection) => /(^|:)trunk:/.test(service);
/** No call without it, in this process. */
const isRequired = (connection: ServiceConnection) => isAi(connection) || connection.service === 'asterisk';
/** Contacts wait for it; of trunks, those that go through it. */
const isNeeded = (connection: ServiceConnection) => isRequired(connection) || isTrunk(connection);
/** A half-open breaker lets one trial through and no call. */
const isClosed = ({ state }: ServiceConnection) => state === 'closed';

/** Judges what is known. Pure, so that it can be asked at any time, whatever hangs. */
export function reportHealth({ workers, redis, redisTrouble, readAt }: HealthFacts): HealthReport {
  const live = workers.flatMap((worker) => (worker.kind === 'live' ? [worker.heartbeat] : []));
  const callers = live.filter(({ roles }) => roles.includes('call'));
  const services = mergeServices(live);
  const ari = callers.length === 0 ? 'disconnected' : wordFor(callers, (caller) => caller.ari?.state === 'connected');
  const aiKnown = callers.filter((caller) => caller.services.some(isAi));
  const reasons = [
    ...(redis === 'connected' ? [] : [redisReason(redis, readAt, redisTrouble)]),
    ...(redis === 'read-only' ? [] : missing(workers, live, callers)),
    ...callers.filter((caller) => caller.ari?.state !== 'connected').map(ariReason),
    ...callers.filter(({ audiosocket }) => audiosocket === 'stale').map(({ name }) => `An AudioSocket session of ${name} is silent.`),
    ...Object.entries(services).flatMap(([service, health]) => serviceReason(service, health)),
  ];
  const couldCall = redis === 'connected' && callers.some(canPlaceCalls);
  return {
    status: couldCall ? (reasons.length === 0 ? 'healthy' : 'degraded') : 'unhealthy',
    dependencies: {
      ari,
      audiosocket: worstAudioSocket(callers),
      ai_provider: wordFor(aiKnown, ({ services }) => AI_CAPABILITIES.every((capability) => isServed(services, capability))),
      redis,
      services,
      workers: workers.map(describe),
    },
    reasons,
    asOf: readAt === undefined ? undefined : iso(readAt),
  };
}

/** Whether a call could begin in this process. */
export function canPlaceCalls({ draining, ari, services }: Heartbeat): boolean {
  const trunks = services.filter(isTrunk);
  const aWayOut = trunks.length === 0 || trunks.some(isClosed);
  const canTalk = AI_CAPABILITIES.every((capability) => isServed(services, capability));
  const asterisk = services.filter(({ service }) => service === 'asterisk').every(isClosed);
  return !draining && ari?.state === 'connected' && canTalk && asterisk && aWayOut;
}

/** Of a capability with alternatives, one is enough. */
function isServed(services: readonly ServiceConnection[], capability: string): boolean {
  const able = services.filter(({ service }) => capabilityOf(service) === capability);
  return able.length === 0 || able.some(isClosed);
}

function wordFor(callers: readonly Heartbeat[], isWell: (caller: Heartbeat) => boolean): ConnectionWord {
  if (callers.length === 0) return 'unknown';
  const well = callers.filter(isWell).length;
  if (well === callers.length) return 'connected';
  return well === 0 ? 'disconnected' : 'partial';
}

function worstAudioSocket(callers: readonly Heartbeat[]): Heartbeat['audiosocket'] {
  const states = callers.map(({ audiosocket }) => audiosocket);
  return states.includes('stale') ? 'stale' : states.includes('listening') ? 'listening' : 'disabled';
}

/** Whom one would expect to hear of. Nobody can be heard of while Redis takes no heartbeats. */
function missing(workers: readonly WorkerSighting[], live: readonly Heartbeat[], callers: readonly Heartbeat[]): string[] {
  return [
    ...blockers(callers),
    ...workers.flatMap((worker) => (worker.kind === 'lost' ? [lostReason(worker)] : [])),
    ...Object.entries(MISSED).flatMap(([role, reason]) => (live.some(({ roles }) => roles.includes(role)) ? [] : [reason])),
  ];
}

function blockers(callers: readonly Heartbeat[]): string[] {
  if (callers.length === 0) return ['No call worker is alive: no call is placed until one is started (npm run worker:call, or npm start).'];
  if (callers.every(({ draining }) => draining))
    return ['Every call worker is draining: calls that have begun go on, no new one is placed.'];
  return [];
}

function ariReason({ name, ari }: Heartbeat): string {
  if (ari === undefined) return `${name} has no connection to Asterisk yet.`;
  const advice =
    ari.state === 'replaced'
      ? 'Another process took its application name: give each worker an ARI_APP of its own.'
      : 'It reconnects by itself; check that Asterisk runs and can be reached.';
  return `${name} is not connected to Asterisk (${ari.state} since ${clock(ari.since)}). ${advice}`;
}

function serviceReason(service: string, { state, since, lastError }: ServiceHealth): string[] {
  if (state === 'closed') return [];
  const when = since === undefined ? '' : ` since ${toSeconds(since)}`;
  const why = lastError === undefined ? '' : ` (${lastError.code})`;
  const meanwhile = isNeeded({ service, state })
    ? 'Contacts that need it wait; it is tried again without your doing.'
    : 'Calls go on without it; it is tried again without your doing.';
  return [`${service} is not asked: its breaker is ${state}${when}${why}. ${meanwhile}`];
}

function lostReason({ id, lastSeenAt }: { id: string; lastSeenAt: number }): string {
  return `${nameOf(id)} has not been heard of since ${clock(lastSeenAt)}. What it did is taken over; if it should run, look at its log.`;
}

function redisReason(redis: HealthFacts['redis'], readAt: number | undefined, trouble: string | undefined): string {
  const meanwhile = 'no new call begins, calls that have begun go on.';
  if (redis === 'read-only') return `Redis can't be written: ${meanwhile} ${trouble ?? ''}`.trim();
  if (redis === 'connecting' || readAt === undefined) return 'Redis has not answered yet.';
  const why = trouble ?? 'It does not answer.';
  return `Redis can't be used: ${meanwhile} ${why} What is said here of the workers was last read at ${clock(readAt)}.`;
}

function describe(worker: WorkerSighting): WorkerHealth {
  if (worker.kind === 'lost') return { name: nameOf(worker.id), state: 'lost', lastSeenAt: iso(worker.lastSeenAt) };
  const { name, draining, roles, startedAt, activeCalls, ari } = worker.heartbeat;
  return {
    name,
    state: draining ? 'draining' : 'running',
    roles,
    startedAt: iso(startedAt),
    activeCalls,
    ...(ari && {
      ari: { state: ari.state, since: iso(ari.since), lastHeardAt: ari.lastHeardAt === undefined ? undefined : iso(ari.lastHeardAt) },
    }),
  };
}

/** An id is the name, then what the process does. */
const nameOf = (id: string) => id.split('/')[0] ?? id;

const iso = (at: number) => new Date(at).toISOString();

/** As it stands in a sentence. */
const toSeconds = (isoTime: string) => isoTime.replace(/\.\d+Z$/, 'Z');
const clock = (at: number) => toSeconds(iso(at));
