import type { AriSigns, AudioSocketState, Heartbeat, ServiceConnection } from './heartbeat.ts';

/** The parts of a process that know something about its health. Each is asked again for every heartbeat. */
export interface Reporters {
  ari: () => AriSigns;
  audiosocket: () => AudioSocketState;
  activeCalls: () => number;
  services: () => readonly ServiceConnection[];
}

/** Where the parts of a process say how they are. */
export interface VitalSigns {
  /** Unique among the processes that share a Redis, and the same after a restart in the same container. */
  readonly id: string;
  /** Names those who know; what nobody reports stands for "not used here". */
  report(reporters: Partial<Reporters>): void;
  /** Something changed that others should hear of at once. */
  changed(): void;
  /** Returns the unsubscribe function. */
  onChange(listener: () => void): () => void;
  /** From now on no new calls. */
  drain(): void;
  read(): Heartbeat;
}

export interface VitalSignsOptions {
  name: string;
  roles: readonly string[];
  /** Takes secrets and phone numbers out of error messages: what is read here is shown to anybody. */
  scrub: (text: string) => string;
}

/** Longer ones are a stack or a page of HTML. Characters. */
const LONGEST_MESSAGE = 300;

export function createVitalSigns({ name, roles, scrub }: VitalSignsOptions): VitalSigns {
  const startedAt = Date.now();
  const reporters: Partial<Reporters> = {};
  const listeners = new Set<() => void>();
  let draining = false;
  const changed = () => {
    for (const listener of [...listeners]) listener();
  };
  const shown = (connection: ServiceConnection): ServiceConnection => {
    const { service, state, since, lastError } = connection;
    if (lastError === undefined) return { service, state, since };
    return { service, state, since, lastError: { code: lastError.code, message: scrub(lastError.message).slice(0, LONGEST_MESSAGE) } };
  };
  return {
    // The roles too: in tests, and on a machine without containers, two apps may live in one process.
    id: `${name}/${roles.join('+')}`,
    report: (more) => void Object.assign(reporters, more),
    changed,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    drain() {
      draining = true;
      changed();
    },
    read: () => ({
      name,
      roles: [...roles],
      startedAt,
      draining,
      ari: reporters.ari?.(),
      audiosocket: reporters.audiosocket?.() ?? 'disabled',
      activeCalls: reporters.activeCalls?.() ?? 0,
      services: (reporters.services?.() ?? []).map(shown),
    }),
  };
}
