import type { MessagePort } from 'node:worker_threads';
import { type AudioSocketServer, startAudioSocketServer } from '../audiosocket-server.ts';
import type { FramePacer } from '../frame-pacer.ts';
import { createHearingLeg } from '../hearing-leg.ts';
import type { AudioLeg, MediaLeg } from '../media-leg.ts';
import { createRecorder, type Recorder } from '../recorder.ts';
import { createSpeechDetectors } from '../speech-detectors.ts';
import { connectWebsocketLeg } from '../websocket-leg.ts';
import { toData } from './error-as-data.ts';
import { monotonicMs, type NewLeg, type SpeechDetectorKind, type ToThread } from './messages.ts';
import { type Post, type ServedLeg, serveLeg } from './served-leg.ts';

export interface ServeMediaOptions {
  /** The clock of AudioSocket legs. */
  pacer?: FramePacer | undefined;
  speechDetector?: SpeechDetectorKind | undefined;
}

type Of<Kind extends ToThread['kind']> = Extract<ToThread, { kind: Kind }>;

/** Everything of the media plane that lives in a thread of its own, spoken to over a port. Never throws: what fails ends its own leg. */
export function serveMedia(port: MessagePort, { pacer, speechDetector = 'energy' }: ServeMediaOptions = {}): void {
  const post: Post = (message, move = []) => port.postMessage(message, move);
  const opening = new Map<number, AbortController>();
  const legs = new Map<number, { leg: MediaLeg; served: ServedLeg; connected: AudioLeg }>();
  const recorders = new Map<number, Recorder>();
  let audioSocket: AudioSocketServer | undefined;
  let listening: Promise<AudioSocketServer> | undefined;

  const logger = { warn: log('warn'), error: log('error') };
  function log(level: 'warn' | 'error') {
    return (facts: unknown, message?: string) => {
      const { err, ...plain } = { ...(facts as object) } as { err?: unknown };
      post({ kind: 'log', level, facts: { ...plain, ...(err !== undefined && { err: toData(err) }) }, message: message ?? '' });
    };
  }

  const detectors = createSpeechDetectors(speechDetector, logger);

  async function open(wanted: NewLeg, connect: (signal: AbortSignal) => Promise<AudioLeg>): Promise<void> {
    const { leg: id, sampleRate, calleeSpeaks } = wanted;
    const given = new AbortController();
    opening.set(id, given);
    try {
      const connected = await connect(given.signal);
      const leg = createHearingLeg(connected, detectors.create({ sampleRate, speaking: calleeSpeaks }));
      post({ kind: 'opened', leg: id });
      legs.set(id, { leg, served: serveLeg(id, leg, post), connected });
      void leg.closed.then(() => legs.delete(id));
    } catch (error) {
      post({ kind: 'not-opened', leg: id, error: toData(error) });
    } finally {
      opening.delete(id);
    }
  }

  const connect = ({ mediaUrl, channelId, sampleRate, connectTimeoutMs, ...wanted }: Of<'connect'>) =>
    open({ ...wanted, channelId, sampleRate, connectTimeoutMs }, (signal) =>
      connectWebsocketLeg({ mediaUrl, channelId, sampleRate, connectTimeoutMs, signal }),
    );

  const expect = ({ id, ...wanted }: Of<'expect'>) =>
    open(wanted, async (signal) => {
      if (!listening) throw new Error('nobody has asked to listen for AudioSocket');
      const { channelId, connectTimeoutMs } = wanted;
      return (audioSocket ?? (await listening)).expectLeg({ id, channelId, connectTimeoutMs, signal });
    });

  async function listen({ host, port: wanted, sampleRate, handshakeTimeoutMs }: Of<'listen'>): Promise<void> {
    listening = startAudioSocketServer({ host, port: wanted, sampleRate, handshakeTimeoutMs, logger, pacer });
    try {
      audioSocket = await listening;
      post({ kind: 'listening', port: audioSocket.port });
    } catch (error) {
      listening = undefined;
      post({ kind: 'not-listening', error: toData(error) });
    }
  }

  function record({ recording, path, sampleRate, beganAt }: Of<'record'>): void {
    const onBegan = (at: number) => post({ kind: 'recording-began', recording, at });
    recorders.set(recording, createRecorder({ path, sampleRate, now: monotonicMs, beganAt, onBegan }));
  }

  function tape({ recording, leg }: Of<'tape'>): void {
    const recorder = recorders.get(recording);
    if (!recorder) return;
    // As it came, with our echo.
    legs.get(leg)?.connected.onFrame(recorder.callee);
    legs.get(leg)?.leg.onPlayed(recorder.agent);
  }

  async function stopRecording(recording: number): Promise<void> {
    const recorder = recorders.get(recording);
    if (!recorder) return;
    const { durationMs, error } = await recorder.close();
    recorders.delete(recording);
    post({ kind: 'recorded', recording, durationMs, ...(error && { error: toData(error) }) });
  }

  async function stop(): Promise<void> {
    for (const given of opening.values()) given.abort(new Error('the media thread is stopping'));
    await Promise.all([...[...legs.values()].map(({ leg }) => leg.close()), audioSocket?.close()]);
    await Promise.all([...recorders.keys()].map(stopRecording));
    post({ kind: 'stopped' });
  }

  function closeLeg(id: number): void {
    opening.get(id)?.abort(new Error('the leg is not wanted any more'));
    void legs.get(id)?.leg.close();
  }

  function obey(message: ToThread): void {
    switch (message.kind) {
      case 'connect':
        void connect(message);
        break;
      case 'expect':
        void expect(message);
        break;
      case 'listen':
        void listen(message);
        break;
      case 'speak':
      case 'end':
        legs.get(message.leg)?.served[message.kind](message.utterance);
        break;
      case 'write':
        legs.get(message.leg)?.served.write(message.utterance, message.pcm);
        break;
      case 'flush':
      case 'pause':
      case 'resume':
        legs.get(message.leg)?.leg[message.kind]();
        break;
      case 'pause-on-speech':
        legs.get(message.leg)?.leg.pauseOnSpeech(message.armed);
        break;
      case 'close':
        closeLeg(message.leg);
        break;
      case 'record':
        record(message);
        break;
      case 'tape':
        tape(message);
        break;
      case 'stop-recording':
        void stopRecording(message.recording);
        break;
      case 'ping':
        post({ kind: 'pong', audioSocketStale: audioSocket?.stale ?? false });
        break;
      case 'stop':
        void stop();
        break;
      default:
        message satisfies never;
    }
  }

  port.on('message', (message: ToThread) => {
    try {
      obey(message);
    } catch (error) {
      logger.error({ err: error }, 'the media thread failed at an order');
      if ('leg' in message) closeLeg(message.leg);
    }
  });
}
