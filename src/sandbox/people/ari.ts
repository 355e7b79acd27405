import WebSocket from 'ws';

export interface AriAddress {
  ariUrl: string;
  username: string;
  password: string;
}

/** What we read of an event; Asterisk says more. */
export interface AriEvent {
  type: string;
  args?: string[];
  channel?: { id: string };
  digit?: string;
}

export interface Ari {
  /** Rejects when Asterisk answers anything but a success. */
  request(method: 'GET' | 'POST' | 'DELETE', path: string, parameters?: Record<string, string>): Promise<unknown>;
  /** A media socket of an external-media channel. Resolves when it is open; listeners may be added right after. */
  openMedia(connectionId: string): Promise<WebSocket>;
  close(): void;
}

/** Requests and events of one Stasis application, plainly: the far end of the line must not share code with what it tests. */
export async function connectAri(address: AriAddress, app: string, onEvent: (event: AriEvent) => void): Promise<Ari> {
  const authorization = `Basic ${Buffer.from(`${address.username}:${address.password}`).toString('base64')}`;
  const socketUrl = address.ariUrl.replace(/^http/, 'ws');
  const events = new WebSocket(`${socketUrl}/ari/events?${new URLSearchParams({ app })}`, { headers: { authorization } });
  events.on('message', (text) => onEvent(JSON.parse(String(text)) as AriEvent));
  await opened(events);
  return {
    async request(method, path, parameters = {}) {
      const response = await fetch(`${address.ariUrl}/ari/${path}?${new URLSearchParams(parameters)}`, {
        method,
        headers: { authorization },
        signal: AbortSignal.timeout(5_000),
      });
      const text = await response.text();
      if (!response.ok) throw new Error(`Asterisk answered ${response.status} to ${method} ${path}: ${text}`);
      return text === '' ? undefined : JSON.parse(text);
    },
    async openMedia(connectionId) {
      const media = new WebSocket(`${socketUrl}/media/${connectionId}`, 'media');
      await opened(media);
      return media;
    },
    close: () => events.terminate(),
  };
}

async function opened(socket: WebSocket): Promise<void> {
  await new Promise<void>((resolve, reject) => socket.once('open', resolve).once('error', reject));
  // What ends the socket is told by its `close`; an error without a listener would end the process.
  socket.on('error', () => {});
}
