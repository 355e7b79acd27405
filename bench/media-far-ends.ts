import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { WebSocketServer } from 'ws';

/** The far ends of the bench's calls: what Asterisk does, and a watch. A process of its own, spoken to by `process.send`. */
export type FarEndOrder = { kind: 'serve' } | { kind: 'connect'; port: number; ids: string[] } | { kind: 'measure' } | { kind: 'report' };

export interface FarEndReport {
  /** Milliseconds between two frames that the callee gets. */
  intervals: { p50: number; p99: number; max: number };
  late: number;
  frames: number;
  /** From the callee's first sound to our silence. */
  pauses: { p50: number; p99: number; max: number };
}

const FRAME_BYTES = 640;
const LATE_MS = 30;
/** The callee speaks for so many frames, then is silent for so many; each call at another moment. */
const SPEECH_FRAMES = 15;
const CYCLE_FRAMES = 83;

const intervals: number[] = [];
const pauses: number[] = [];
let measuring = false;

/** One callee: speaks up now and then, and notes when they are heard and what they hear. */
function createCallee(send: (pcm: Buffer) => void) {
  const loud = Buffer.alloc(FRAME_BYTES);
  for (let i = 0; i < FRAME_BYTES / 2; i++) loud.writeInt16LE(Math.round(9_000 * Math.sin((2 * Math.PI * 440 * i) / 16_000)), i * 2);
  const silence = Buffer.alloc(FRAME_BYTES);
  let frame = Math.floor(Math.random() * (CYCLE_FRAMES - SPEECH_FRAMES)) + SPEECH_FRAMES;
  let spokeAt: number | undefined;
  let lastAt: number | undefined;
  let hearsVoice = false;
  return {
    beat() {
      frame = (frame + 1) % CYCLE_FRAMES;
      if (frame === 0 && hearsVoice) spokeAt = performance.now();
      send(frame < SPEECH_FRAMES ? loud : silence);
    },
    /** A frame has come to the ear, at this time of the ear's clock. */
    hear(voice: boolean, now = performance.now()) {
      if (measuring && lastAt !== undefined) intervals.push(now - lastAt);
      lastAt = now;
      if (voice) hearsVoice = true;
      else this.paused();
    },
    /** Nothing is to be heard from here on, so nothing is late. */
    forget() {
      lastAt = undefined;
    },
    paused() {
      hearsVoice = false;
      if (measuring && spokeAt !== undefined) pauses.push(performance.now() - spokeAt);
      spokeAt = undefined;
    },
  };
}

const callees: { beat(): void }[] = [];

/** AudioSocket: Asterisk passes on what comes when it comes. */
async function overAudioSocket(port: number, id: string): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  socket.on('error', () => {});
  await once(socket, 'connect');
  const header = Buffer.from([0x12, FRAME_BYTES >> 8, FRAME_BYTES & 0xff]);
  const callee = createCallee((pcm) => void socket.write(Buffer.concat([header, pcm])));
  let rest = Buffer.alloc(0);
  socket.on('data', (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    while (rest.length >= 3 && rest.length >= 3 + rest.readUInt16BE(1)) {
      const end = 3 + rest.readUInt16BE(1);
      if (end > 3) callee.hear(rest.readUInt8(3) !== 0);
      rest = rest.subarray(end);
    }
  });
  socket.write(Buffer.concat([Buffer.from([0x01, 0, 16]), Buffer.from(id.replaceAll('-', ''), 'hex')]));
  callees.push(callee);
}

/** chan_websocket: Asterisk plays from a queue, a frame every 20 ms by its own clock, and can be late only when that is empty. */
async function serve(): Promise<string> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  server.on('connection', (socket) => {
    let queue: (number | string)[] = [];
    let paused = false;
    let playedMs = 0;
    const callee = createCallee((pcm) => socket.send(pcm));
    callees.push({
      beat() {
        callee.beat();
        playedMs += 20;
        if (paused) return;
        for (let head = queue.shift(); head !== undefined; head = queue.shift()) {
          if (typeof head === 'number') return callee.hear(true, playedMs);
          socket.send(head);
        }
      },
    });
    const commands: Record<string, (mark: string) => void> = {
      MARK_MEDIA: (mark) => queue.push(JSON.stringify({ event: 'MEDIA_MARK_PROCESSED', correlation_id: mark })),
      FLUSH_MEDIA: () => {
        queue = [];
      },
      PAUSE_MEDIA: () => {
        paused = true;
        callee.paused();
        callee.forget();
      },
      CONTINUE_MEDIA: () => {
        paused = false;
      },
    };
    socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) for (let at = 0; at < data.length; at += FRAME_BYTES) queue.push(at);
      else {
        const { command, correlation_id: mark } = JSON.parse(data.toString()) as { command: string; correlation_id?: string };
        commands[command]?.(mark ?? '');
      }
    });
    socket.send(JSON.stringify({ event: 'MEDIA_START', optimal_frame_size: FRAME_BYTES }));
  });
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/media/bench`;
}

function percentiles(values: number[]) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) =>
    Math.round(10 * (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN)) / 10;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

async function obey(order: FarEndOrder): Promise<unknown> {
  switch (order.kind) {
    case 'serve':
      return serve();
    case 'connect':
      await Promise.all(order.ids.map((id) => overAudioSocket(order.port, id)));
      return 'connected';
    case 'measure':
      measuring = true;
      return 'measuring';
    case 'report':
      measuring = false;
      return {
        intervals: percentiles(intervals),
        late: intervals.filter((ms) => ms > LATE_MS).length,
        frames: intervals.length,
        pauses: percentiles(pauses),
      } satisfies FarEndReport;
  }
}

/** Drift-free: late timers don't add up. */
function beatFrom(dueAt: number): void {
  setTimeout(
    () => {
      for (const callee of callees) callee.beat();
      beatFrom(dueAt + 20);
    },
    Math.max(0, dueAt - performance.now()),
  ).unref();
}

beatFrom(performance.now());
process.on('message', async (order: FarEndOrder) => void process.send?.((await obey(order)) as object));
process.on('disconnect', () => process.exit(0));
