import type { WebSocket } from 'ws';

/** An event before the hub adds what every event carries. */
export interface AriEvent {
  type: string;
  [field: string]: unknown;
}

interface TypeFilter {
  type: string;
}

interface Application {
  name: string;
  socket: WebSocket | undefined;
  allowed: TypeFilter[];
  disallowed: TypeFilter[];
}

export const asteriskId = '02:00:00:00:00:5b';

/** Asterisk's way to write a moment. */
export function ariTimestamp(at: number = Date.now()): string {
  return new Date(at).toISOString().replace('Z', '+0000');
}

/** The Stasis applications and their event sockets. An application outlives its socket; events meanwhile are lost. */
export function createEventHub() {
  const applications = new Map<string, Application>();
  const muted = new WeakSet<WebSocket>();

  function send(socket: WebSocket, event: object) {
    if (socket.readyState === socket.OPEN && !muted.has(socket)) socket.send(JSON.stringify(event));
  }

  function sockets(): WebSocket[] {
    return [...new Set([...applications.values()].flatMap(({ socket }) => (socket ? [socket] : [])))];
  }

  return {
    connect(names: readonly string[], socket: WebSocket) {
      for (const name of names) {
        const application = applications.get(name) ?? { name, socket: undefined, allowed: [], disallowed: [] };
        applications.set(name, application);
        // The older socket stays open and hears nothing more, as with the real one.
        if (application.socket) send(application.socket, { type: 'ApplicationReplaced', application: name, asterisk_id: asteriskId });
        application.socket = socket;
      }
      socket.on('close', () => {
        for (const application of applications.values()) if (application.socket === socket) application.socket = undefined;
      });
    },

    isConnected: (name: string) => applications.get(name)?.socket !== undefined,
    find: (name: string) => applications.get(name),
    all: () => [...applications.values()],

    publish(name: string, event: AriEvent) {
      const application = applications.get(name);
      if (!application?.socket) return;
      const isType = (filter: TypeFilter) => filter.type === event.type;
      if (application.disallowed.some(isType)) return;
      if (application.allowed.length > 0 && !application.allowed.some(isType)) return;
      send(application.socket, { ...event, timestamp: ariTimestamp(), asterisk_id: asteriskId, application: name });
    },

    /** Cuts the event sockets, as a lost network does: no close frame. */
    drop() {
      for (const socket of sockets()) socket.terminate();
    },

    /** The sockets stay open but nothing is sent, and nothing read: not even a ping is answered. */
    halfOpen() {
      for (const socket of sockets()) {
        muted.add(socket);
        socket.pause();
      }
    },

    forget() {
      for (const socket of sockets()) socket.terminate();
      applications.clear();
    },
  };
}

export type EventHub = ReturnType<typeof createEventHub>;
