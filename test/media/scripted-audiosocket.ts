import { once } from 'node:events';
import { connect } from 'node:net';
import type { FramePacer } from '../../src/media/frame-pacer.ts';

/** A clock that the test turns. */
export function createManualPacer(): FramePacer & { tick(frames?: number): void; readonly listening: number } {
  const listeners = new Set<() => void>();
  return {
    onFrame(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    tick(frames = 1) {
      for (; frames > 0; frames--) for (const listener of [...listeners]) listener();
    },
    get listening() {
      return listeners.size;
    },
  };
}

export interface Message {
  kind: number;
  payload: Buffer;
}

/** Asterisk's side of an AudioSocket connection, byte by byte. */
export async function connectPeer(port: number) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const received: Message[] = [];
  const closed = Promise.withResolvers<void>();
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    while (rest.length >= 3 && rest.length >= 3 + rest.readUInt16BE(1)) {
      const end = 3 + rest.readUInt16BE(1);
      received.push({ kind: rest.readUInt8(0), payload: Buffer.from(rest.subarray(3, end)) });
      rest = rest.subarray(end);
    }
  });
  socket.on('error', () => {});
  socket.on('close', () => closed.resolve());
  await once(socket, 'connect');
  return {
    socket,
    received,
    closed: closed.promise,
    /** Audio that is not silence. */
    heard: () => Buffer.concat(received.filter(({ payload }) => payload.some((byte) => byte !== 0)).map(({ payload }) => payload)),
    send: (kind: number, payload: Buffer = Buffer.alloc(0)) => socket.write(message(kind, payload)),
    sayId: (id: string) => socket.write(message(0x01, Buffer.from(id.replaceAll('-', ''), 'hex'))),
    close: async () => void socket.destroy(),
  };
}

export type Peer = Awaited<ReturnType<typeof connectPeer>>;

export function message(kind: number, payload: Buffer): Buffer {
  const header = Buffer.from([kind, 0, 0]);
  header.writeUInt16BE(payload.length, 1);
  return Buffer.concat([header, payload]);
}
