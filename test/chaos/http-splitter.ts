import type { Piece, Splitter } from './fault-proxy.ts';

/** Names a request without its ids and its query, where numbers and keys stand. */
function nameOf(method: string, target: string): string {
  const path = target.split('?')[0] ?? '';
  const parts = path.split('/').map((part, index, all) => {
    if (/-colleague-a[0-9a-f]{24}\./.test(part)) return '{colleague}';
    // Nothing else is ever dialled, whatever its id looks like.
    if (/^[\w%]+-a[0-9a-f]{24}\.\d+$/.test(part) || all[index + 1] === 'dial') return '{callee}';
    return part.length > 12 && /\d/.test(part) ? '{id}' : part;
  });
  return `${method} ${parts.filter((part) => part !== '').join('/')}`;
}

interface AriEvent {
  type?: string;
  dialstatus?: string;
  channel?: { state?: string };
}

function eventName(text: string): string {
  try {
    const { type = '', dialstatus, channel } = JSON.parse(text) as AriEvent;
    return [type, type === 'Dial' ? dialstatus : type === 'ChannelStateChange' ? channel?.state : undefined].filter(Boolean).join(' ');
  } catch {
    return 'unreadable';
  }
}

const TEXT = 1;

/** Cuts what a websocket server sends into its frames. */
function createFrameSplitter(): (chunk: Buffer) => Piece[] {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    const pieces: Piece[] = [];
    while (rest.length >= 2) {
      const short = (rest[1] ?? 0) & 0x7f;
      const head = short === 127 ? 10 : short === 126 ? 4 : 2;
      if (rest.length < head) break;
      const size = short === 127 ? Number(rest.readBigUInt64BE(2)) : short === 126 ? rest.readUInt16BE(2) : short;
      if (rest.length < head + size) break;
      const bytes = rest.subarray(0, head + size);
      rest = rest.subarray(head + size);
      const isText = ((bytes[0] ?? 0) & 0x0f) === TEXT;
      pieces.push({ bytes, crossing: isText ? { what: eventName(bytes.toString('utf8', head)), side: 'event' } : undefined });
    }
    return pieces;
  };
}

/**
 * HTTP/1.1 as Node's agents speak it: never a second request before the first is answered. So what a client says after
 * the server has spoken is a request, and what the server says first after it is its answer. The frames of ARI's event
 * socket are pieces of their own; other websockets are bytes.
 */
export function createHttpSplitter(): Splitter {
  let asked = '';
  let state: 'idle' | 'asked' | 'answering' | 'websocket' = 'idle';
  let frames: ((chunk: Buffer) => Piece[]) | undefined;
  return {
    get label() {
      return frames === undefined ? undefined : 'events';
    },
    toServer(bytes) {
      const [, method, target = ''] =
        state === 'websocket' ? [] : (/^([A-Z]+) (\S+) HTTP\//.exec(bytes.toString('latin1', 0, 2_000)) ?? []);
      if (method === undefined || state === 'asked') return [{ bytes }];
      state = 'asked';
      asked = nameOf(method, target);
      return [{ bytes, crossing: { what: asked, side: 'request' } }];
    },
    toClient(chunk) {
      if (frames !== undefined) return frames(chunk);
      if (state !== 'asked') return [{ bytes: chunk }];
      const crossing = { what: asked, side: 'answer' as const };
      const isUpgrade = chunk.toString('latin1', 0, 12) === 'HTTP/1.1 101';
      state = isUpgrade ? 'websocket' : 'answering';
      if (!isUpgrade || !asked.endsWith('ari/events')) return [{ bytes: chunk, crossing }];
      frames = createFrameSplitter();
      const headEnd = chunk.indexOf('\r\n\r\n') + 4;
      return [{ bytes: chunk.subarray(0, headEnd), crossing }, ...frames(chunk.subarray(headEnd))];
    },
  };
}
