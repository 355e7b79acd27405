import { openServiceSocket, type ServiceSocket, type SocketMessage } from './service-socket.ts';

export interface ScribeConnectionOptions {
  url: URL;
  apiKey: string;
  onMessage: (type: string, message: SocketMessage) => void;
  /** The connection is gone or useless. Called at most once, and not after `close` or `terminate`. */
  onFailure: (error: unknown) => void;
}

export interface ScribeConnection {
  readonly socket: ServiceSocket;
  /** No-op before the handshake and after the end. */
  send(chunk: { pcm: Buffer; commit: boolean; sampleRate: number }): void;
}

/** Scribe's words on the wire. */
export function openScribeConnection({ url, apiKey, onMessage, onFailure }: ScribeConnectionOptions): ScribeConnection {
  const socket = openServiceSocket({
    url,
    headers: { 'xi-api-key': apiKey },
    typeField: 'message_type',
    toBody: (message) => ({ detail: { message } }),
    onMessage,
    onFailure,
  });
  return {
    socket,
    send({ pcm, commit, sampleRate }) {
      const chunk = { message_type: 'input_audio_chunk', audio_base_64: pcm.toString('base64'), commit, sample_rate: sampleRate };
      socket.send(JSON.stringify(chunk));
    },
  };
}
