import type { AriState } from '../telephony/ari-connection.ts';

/** What one worker process says of itself, every two seconds. Points in time are Unix milliseconds by its own clock. */
export interface Heartbeat {
  /** Host and process id, as in the log. */
  name: string;
  roles: string[];
  startedAt: number;
  /** It finishes its calls and takes no new ones. */
  draining: boolean;
  /** Undefined in a process that places no calls. */
  ari: AriSigns | undefined;
  audiosocket: AudioSocketState;
  activeCalls: number;
  /** The services as this process sees them; its own breakers may differ from its neighbours' while Redis is away. */
  services: ServiceConnection[];
}

export interface AriSigns {
  state: AriState;
  /** Of this state. */
  since: number;
  /** The last event or answer to a ping. Undefined until there was one. */
  lastHeardAt: number | undefined;
}

/** `listening`: accepts, and no session is silent. `stale`: at least one session is. `disabled`: this process doesn't use AudioSocket. */
export type AudioSocketState = 'listening' | 'stale' | 'disabled';

/** One breaker, for whoever looks. */
export interface ServiceConnection {
  /** `elevenlabs:text-to-speech`, `hubspot`, `asterisk`, … */
  service: string;
  state: 'closed' | 'open' | 'half-open';
  /** Of this state; undefined when it never changed. */
  since?: number | undefined;
  /** What opened it last. */
  lastError?: { code: string; message: string } | undefined;
}

/** A worker as the others see it. `lost`: it went without a word, or Redis hasn't heard of it for longer than a heartbeat lives. */
export type WorkerSighting = { kind: 'live'; id: string; heartbeat: Heartbeat } | { kind: 'lost'; id: string; lastSeenAt: number };
