import { randomUUID } from 'node:crypto';
import type WebSocket from 'ws';
import { sleep } from '../../sleep.ts';
import { createFrameClock, type FrameClock } from '../asterisk/frame-clock.ts';
import { type Ari, type AriAddress, connectAri } from './ari.ts';
import { createLineToAsterisk } from './line-to-asterisk.ts';
import type { People } from './people.ts';
import type { PersonCall } from './person-call.ts';
import type { Persona } from './persona.ts';

/** The Stasis application that the dialplan context `people` hands its calls to. */
const APP = 'people';
/** Hertz. Finer than the G.711 that may lie between, so this end loses nothing. */
const SAMPLE_RATE = 16_000;
const FRAME_BYTES = (SAMPLE_RATE / 50) * 2;
/** Frames of silence sent ahead, so that a late timer of ours doesn't tear a hole into a word. */
const LEAD_FRAMES = 6;

/** Q.850: what the network says of those who don't pick up. */
const CAUSES = { busy: 17, rejects: 21, 'invalid-number': 1, congestion: 34 } as const;
const UNALLOCATED = 1;

export interface PeopleApp {
  /** What went wrong on our side, in words; empty in a healthy run. */
  readonly troubles: string[];
  stop(): Promise<void>;
}

/** Puts the sandbox's people behind a real Asterisk: they ring, pick up, hear and speak on `Local/<number>@people` and `PJSIP/<number>@people`. */
export async function startPeopleApp(address: AriAddress, people: People): Promise<PeopleApp> {
  const lines = new Map<string, AbortController>();
  const mediaReady = new Map<string, () => void>();
  const talking = new Map<string, PersonCall>();
  const running = new Set<Promise<void>>();
  const troubles: string[] = [];
  const clock = createFrameClock();
  const ari = await connectAri(address, APP, (event) => {
    const id = event.channel?.id ?? '';
    if (event.type === 'ChannelDestroyed' || event.type === 'StasisEnd') lines.get(id)?.abort();
    if (event.type === 'ChannelDtmfReceived') talking.get(id)?.keyHeard(event.digit ?? '');
    if (event.type !== 'StasisStart') return;
    const ready = mediaReady.get(id);
    if (ready !== undefined) return ready();
    const gone = new AbortController();
    lines.set(id, gone);
    const call = takeCall({ ari, people, clock, mediaReady, talking, gone: gone.signal, channelId: id, number: event.args?.[0] ?? '' })
      .catch((error: unknown) => {
        if (!gone.signal.aborted) troubles.push(error instanceof Error ? error.message : String(error));
      })
      .finally(() => {
        lines.delete(id);
        running.delete(call);
      });
    running.add(call);
  });
  return {
    troubles,
    async stop() {
      for (const gone of lines.values()) gone.abort();
      await Promise.all(running);
      clock.stop();
      ari.close();
    },
  };
}

interface Ringing {
  ari: Ari;
  people: People;
  clock: FrameClock;
  mediaReady: Map<string, () => void>;
  /** By the caller's channel. */
  talking: Map<string, PersonCall>;
  /** Aborts when the caller's channel is gone. */
  gone: AbortSignal;
  channelId: string;
  number: string;
}

async function takeCall(ringing: Ringing): Promise<void> {
  const { ari, people, gone, channelId, number } = ringing;
  const persona = people.byNumber(number);
  const hangUp = (cause: number) => ari.request('DELETE', `channels/${channelId}`, { reason_code: String(cause) });
  if (persona === undefined) return void (await hangUp(UNALLOCATED));
  const { picksUp } = persona;
  if (picksUp !== 'invalid-number' && picksUp !== 'congestion') await ari.request('POST', `channels/${channelId}/ring`);
  await sleep(persona.ringMs, gone);
  if (picksUp === 'no-answer') return untilAborted(gone);
  if (picksUp in CAUSES) return void (await hangUp(CAUSES[picksUp as keyof typeof CAUSES]));
  await talk(ringing, persona, hangUp);
}

async function talk(
  { ari, people, clock, mediaReady, talking, gone, channelId }: Ringing,
  persona: Persona,
  hangUp: (cause: number) => Promise<unknown>,
): Promise<void> {
  const mediaId = randomUUID();
  const bridgeId = randomUUID();
  let stopTicking = () => {};
  let media: WebSocket | undefined;
  let line: ReturnType<typeof createLineToAsterisk> | undefined;
  const call = people.pickUp(persona, {
    sampleRate: SAMPLE_RATE,
    send: (frame) => line?.send(frame),
    whenPlayed: (then) => line?.whenPlayed(then),
    hangUp: (cause = 16) => void hangUp(cause).catch(() => {}),
    dtmf: (digit) => void ari.request('POST', `channels/${channelId}/dtmf`, { dtmf: digit }).catch(() => {}),
  });
  try {
    // Ears and mouth first, the answer last: the caller may speak at once.
    media = await openMedia(ari, mediaReady, mediaId);
    line = createLineToAsterisk(media, FRAME_BYTES);
    hearFrames(media, (frame) => call.hear(frame));
    await ari.request('POST', 'bridges', { type: 'mixing', bridgeId });
    await ari.request('POST', `bridges/${bridgeId}/addChannel`, { channel: `${channelId},${mediaId}` });
    await ari.request('POST', `channels/${channelId}/answer`);
    for (let frame = 0; frame < LEAD_FRAMES; frame++) line.send(Buffer.alloc(FRAME_BYTES));
    call.answered();
    talking.set(channelId, call);
    // After a stall of ours the missed ticks come in a burst: what has arrived meanwhile is heard first, or the person takes it for a hole in the line.
    stopTicking = clock.onFrame(() => setImmediate(() => call.tick()));
    await untilAborted(gone);
  } finally {
    stopTicking();
    talking.delete(channelId);
    call.ended();
    media?.close();
    // The media channel and the bridge outlive the caller unless somebody removes them. The caller outlives us when this app is stopped.
    const leftovers = [`channels/${mediaId}`, `bridges/${bridgeId}`, `channels/${channelId}`];
    await Promise.allSettled(leftovers.map((path) => ari.request('DELETE', path)));
  }
}

/** Only after the channel's own StasisStart may it go into a bridge. */
async function openMedia(ari: Ari, mediaReady: Map<string, () => void>, mediaId: string): Promise<WebSocket> {
  const started = new Promise<void>((resolve) => mediaReady.set(mediaId, resolve));
  try {
    const channel = (await ari.request('POST', 'channels/externalMedia', {
      channelId: mediaId,
      app: APP,
      external_host: 'INCOMING',
      transport: 'websocket',
      encapsulation: 'none',
      connection_type: 'server',
      format: 'slin16',
    })) as { channelvars: { MEDIA_WEBSOCKET_CONNECTION_ID: string } };
    const media = await ari.openMedia(channel.channelvars.MEDIA_WEBSOCKET_CONNECTION_ID);
    await started;
    return media;
  } finally {
    mediaReady.delete(mediaId);
  }
}

/** Cuts what arrives into frames of 20 ms; text messages are Asterisk's remarks and don't matter here. */
function hearFrames(media: WebSocket, hear: (frame: Buffer) => void): void {
  let rest = Buffer.alloc(0);
  media.on('message', (data, isBinary) => {
    if (!isBinary || !Buffer.isBuffer(data)) return;
    rest = Buffer.concat([rest, data]);
    while (rest.length >= FRAME_BYTES) {
      hear(rest.subarray(0, FRAME_BYTES));
      rest = rest.subarray(FRAME_BYTES);
    }
  });
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
