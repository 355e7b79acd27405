import { vi } from 'vitest';
import type { TranscriptEntry } from '../../src/call/outcome.ts';
import type { CallLine } from '../../src/conversation/call-line.ts';
import {
  type Conversation,
  type ConversationEnd,
  type ConversationRequest,
  createConversation,
} from '../../src/conversation/conversation.ts';
import type { ConversationState } from '../../src/conversation/dialogue.ts';
import { linesFor, linesToRender } from '../../src/conversation/lines.ts';
import type { ReadyLines } from '../../src/conversation/ready-lines.ts';
import type { CrmFile } from '../../src/conversation/tools/crm.ts';
import type { ServiceError } from '../../src/errors.ts';
import type { MediaLeg, SpeechChange, Utterance } from '../../src/media/media-leg.ts';
import type { SpeechDetector } from '../../src/media/speech-detector.ts';
import { createPersonCall, type PersonCall, type PersonCallRecord } from '../../src/sandbox/people/person-call.ts';
import type { Persona } from '../../src/sandbox/people/persona.ts';
import { createListener, speak } from '../../src/sandbox/voice/voice.ts';
import type { LanguageModel, ModelEvent, ModelRequest } from '../../src/services/language-model.ts';
import type { SpeechToText, SpeechToTextOptions } from '../../src/services/speech-to-text.ts';
import type { TextToSpeech } from '../../src/services/text-to-speech.ts';

/**
 * A whole call on a driven clock: a person of the sandbox at one end, a conversation at the other, and between them a
 * line that moves one frame each way every 20 ms. The ports (leg, services) are made of sound, so that what is asserted
 * is what was heard. Call it with fake timers installed.
 */
export const RATE = 8_000;
const FRAME_BYTES = RATE / 25;

/** What the model does at each of its replies. */
export type Script = (request: ModelRequest, signal: AbortSignal) => AsyncIterable<ModelEvent>;

/** Writes the words one by one, as a model does. */
export async function* write(text: string, msPerWord: number, signal: AbortSignal): AsyncGenerator<ModelEvent> {
  for (const delta of text.match(/\S+\s*/g) ?? []) {
    await sleep(msPerWord, signal);
    yield { type: 'text', delta };
  }
}

export const says =
  (text: string, msPerWord = 5): Script =>
  (_request, signal) =>
    write(text, msPerWord, signal);

export const callsTool = (name: string, args: unknown, text = ''): Script =>
  async function* (_request, signal) {
    yield* write(text, 5, signal);
    yield { type: 'tool-call', callId: `call-${name}`, name, arguments: typeof args === 'string' ? args : JSON.stringify(args) };
  };

export const fails = (error: ServiceError, text = ''): Script =>
  async function* (_request, signal) {
    yield* write(text, 5, signal);
    throw error;
  };

/** Says nothing until it is aborted. */
export const hangs: Script = async function* (_request, signal) {
  await sleep(3_600_000, signal);
  yield { type: 'text', delta: '' };
};

export interface CallOptions {
  persona?: Partial<Persona>;
  /** One a reply; the last one again and again. */
  model?: Script[];
  opening?: string;
  campaign?: Partial<ConversationRequest['campaign']>;
  variables?: Record<string, string>;
  textToSpeech?: (text: string, ordinary: AsyncIterable<Buffer>, signal: AbortSignal) => AsyncIterable<Buffer>;
  /** Sounds that the callee's phone makes without words. */
  noise?: { fromMs: number; toMs: number }[];
  deafAtMs?: number;
  deafBecause?: ServiceError;
  openFails?: ServiceError;
  /** Aborts when we have to go. */
  leave?: AbortSignal;
  /** Apology and holding lines were rendered before the phone rang, or others are there. Default: none. */
  linesReady?: boolean | ReadyLines;
  calleePatienceMs?: number;
  /** What the CRM knows during the call. */
  crm?: CrmFile;
  /** Puts through and presses keys. */
  line?: CallLine;
  /** What machines get to hear. */
  voicemailMessage?: string;
  introduction?: string;
}

export interface TestCall {
  conversation: Conversation;
  person: PersonCall;
  /** When the callee's phone made its first sound, of whatever kind. From the answer. */
  readonly soundAtMs: number | undefined;
  entries: TranscriptEntry[];
  states: ConversationState[];
  /** What the callee had heard each time when we were told that they opt out. */
  optOuts: string[];
  /** What the model was sent. */
  requests: ModelRequest[];
  /** Texts that text-to-speech was asked for. */
  synthesized: string[];
  /** Model and synthesis requests that are still going on. */
  readonly openRequests: number;
  hangUp(): void;
  loseLeg(error: Error): void;
  /** Lets the call run until it is over; returns how it ended. */
  finish(): Promise<ConversationEnd & { tookMs: number; record: PersonCallRecord }>;
}

const OPENING = 'Hello, this is the dental practice. I am an AI and this call is recorded. Does Tuesday at noon suit you?';

export function placeCall(options: CallOptions): TestCall {
  const abort = new AbortController();
  const entries: TranscriptEntry[] = [];
  const states: ConversationState[] = [];
  const optOuts: string[] = [];
  const requests: ModelRequest[] = [];
  const synthesized: string[] = [];
  let openRequests = 0;
  const line = createLine(options);
  let hungUpAt: number | undefined;
  const hangUp = () => {
    hungUpAt ??= performance.now();
    abort.abort(new Error('the callee hung up'));
  };
  line.onHangUp(hangUp);
  line.onKey((key) => conversation.keyPressed(key));

  async function* counted<T>(events: AsyncIterable<T>): AsyncGenerator<T> {
    openRequests++;
    try {
      yield* events;
    } finally {
      openRequests--;
    }
  }

  const scripts = options.model ?? [says('Thank you.')];
  const languageModel: LanguageModel = {
    respond(request, signal) {
      requests.push(structuredClone(request));
      const script = scripts[Math.min(requests.length, scripts.length) - 1] ?? says('');
      return counted(script(request, signal));
    },
  };
  const textToSpeech: TextToSpeech = {
    synthesize({ text }, signal) {
      synthesized.push(text);
      const ordinary = voiced(text, signal);
      return counted(options.textToSpeech?.(text, ordinary, signal) ?? ordinary);
    },
  };

  const text = options.opening ?? OPENING;
  const conversation = createConversation(
    {
      campaign: {
        goal: 'Confirm the appointment.',
        script: 'Ask whether the time suits.',
        goodbye: 'Goodbye and have a nice day.',
        language: 'en-US',
        voice: 'test-voice',
        limits: { answerTimeoutMs: 30_000, maxCallMs: 600_000, maxTurns: 40 },
        ...options.campaign,
      },
      contact: { phone: '+12025550199', name: 'Dana', timeZones: ['America/New_York'], variables: options.variables ?? {} },
      crm: options.crm,
      opening: { text, pcm: speak(text, RATE) },
      machines: {
        voicemailMessage: recorded(options.voicemailMessage),
        ...(options.introduction !== undefined && { introduction: recorded(options.introduction) }),
      },
      leg: line.leg,
      line: options.line,
      leave: options.leave,
      signal: abort.signal,
      onOptOut: () => void optOuts.push(line.person.heardText),
    },
    {
      speechToText: createHearing(options),
      languageModel,
      textToSpeech,
      readyLines: options.linesReady === true ? readyLines(options.campaign?.language ?? 'en-US') : options.linesReady || undefined,
      calleePatienceMs: options.calleePatienceMs,
      onTranscript: (entry) => void entries.push(entry),
      onState: (state) => void states.push(state),
      log: { info() {}, warn() {} },
    },
  );

  return {
    conversation,
    person: line.person,
    get soundAtMs() {
      return line.soundAtMs;
    },
    entries,
    states,
    optOuts,
    requests,
    synthesized,
    get openRequests() {
      return openRequests;
    },
    hangUp,
    loseLeg: line.lose,
    async finish() {
      const answeredAt = performance.now();
      line.answer();
      let end: ConversationEnd | undefined;
      const running = conversation.run().then((result) => {
        end = result;
      });
      // An hour of the driven clock: whoever isn't done by then hangs.
      for (let ms = 0; end === undefined && ms < 3_600_000; ms += 20) await vi.advanceTimersByTimeAsync(20);
      if (end === undefined) throw new Error('the conversation never ended');
      await running;
      const tookMs = performance.now() - (hungUpAt ?? answeredAt);
      line.hangUp();
      return { ...end, tookMs, record: line.record() };
    },
  };
}

function recorded(text: string | undefined) {
  return text === undefined ? undefined : { text, pcm: speak(text, RATE) };
}

function readyLines(language: string): ReadyLines {
  const pcmOf = new Map(linesToRender(language, undefined).map((text) => [text, speak(text, RATE)]));
  const text = linesFor(language).apology;
  return { pcmOf, apology: { text, pcm: speak(text, RATE) } };
}

async function* voiced(text: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  const pcm = speak(text, RATE);
  for (let at = 0; at < pcm.length; at += 3_001) {
    await sleep(10, signal);
    yield pcm.subarray(at, at + 3_001);
  }
}

/** Speech-to-text by ear: finals 100 ms after the commit. */
function createHearing({ deafAtMs, deafBecause, openFails }: CallOptions): SpeechToText {
  return {
    async open({ onInterim, onFinal, onError, signal, sampleRate }: SpeechToTextOptions) {
      await sleep(50, signal);
      if (openFails) throw openFails;
      const listener = createListener(sampleRate);
      let words: string[] = [];
      const take = (heard: { text: string }[]) => {
        if (heard.length === 0) return;
        words.push(...heard.map((word) => word.text));
        onInterim(words.join(' '));
      };
      let sentMs = 0;
      if (deafAtMs === 0 && deafBecause) onError(deafBecause);
      return {
        send(pcm) {
          sentMs += pcm.length / (sampleRate / 500);
          take(listener.push(pcm));
          if (deafAtMs !== undefined && deafBecause && sentMs >= deafAtMs) {
            deafAtMs = undefined;
            onError(deafBecause);
          }
        },
        commit() {
          take(listener.flush());
          const text = words.join(' ');
          words = [];
          const timer = setTimeout(() => onFinal(text), 100);
          signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
        },
        close() {},
      };
    },
  };
}

/** By level alone, which is enough for a line without noise: 100 ms to begin, 500 ms to end. */
function createLevelDetector(): SpeechDetector {
  let speaking = false;
  let run = 0;
  return {
    get speaking() {
      return speaking;
    },
    push(frame) {
      const loud = isLoud(frame);
      run = loud === speaking ? 0 : run + 1;
      if (run < (speaking ? 25 : 5)) return undefined;
      speaking = !speaking;
      run = 0;
      return speaking ? 'speech-start' : 'speech-end';
    },
  };
}

function createLine({ persona, noise = [] }: CallOptions) {
  const frames = new Set<(frame: Buffer, speech?: SpeechChange) => void>();
  const detector = createLevelDetector();
  const played = new Set<(pcm: Buffer) => void>();
  const queue: { pcm: Buffer; ended: boolean; heardMs: number; settle: (complete: boolean) => void }[] = [];
  const closed = Promise.withResolvers<{ error?: Error }>();
  const silence = Buffer.alloc(FRAME_BYTES);
  let onHangUp = () => {};
  let onKey = (_key: string) => {};
  let record: PersonCallRecord | undefined;
  let answeredAt = 0;
  let soundAtMs: number | undefined;
  let ticking: NodeJS.Timeout | undefined;
  let paused = false;
  let armed = false;

  const person = createPersonCall(
    {
      role: 'test',
      number: '+12025550199',
      name: 'Test',
      language: 'en-US',
      ringMs: 0,
      picksUp: 'answers',
      firstWordsAfterMs: 200,
      reactionMs: 500,
      when: [],
      hangsUpAfterGoodbyeMs: false,
      patienceMs: 3_600_000,
      ...persona,
    },
    {
      sampleRate: RATE,
      send: (frame) => {
        const ms = performance.now() - answeredAt;
        const sound = noise.some(({ fromMs, toMs }) => ms >= fromMs && ms < toMs) ? hiss() : frame;
        const change = detector.push(sound);
        const starts = change === 'speech-start' && armed && queue.length > 0;
        if (starts) paused = true;
        for (const listener of [...frames]) listener(sound, change && { change, at: performance.now(), paused: starts });
      },
      hangUp: () => onHangUp(),
      dtmf: (key) => onKey(key),
      onEnded: (ended) => {
        record = ended;
      },
    },
  );

  function tick(): void {
    const head = paused ? undefined : queue[0];
    let frame = silence;
    if (head && (head.pcm.length >= FRAME_BYTES || head.ended)) {
      frame = Buffer.concat([head.pcm.subarray(0, FRAME_BYTES), silence], FRAME_BYTES);
      head.heardMs += Math.min(head.pcm.length, FRAME_BYTES) / (RATE / 500);
      head.pcm = head.pcm.subarray(FRAME_BYTES);
      if (head.ended && head.pcm.length === 0) {
        queue.shift();
        head.settle(true);
      }
    }
    if (isLoud(frame)) soundAtMs ??= performance.now() - answeredAt;
    person.hear(frame);
    person.tick();
  }

  function flush(): void {
    for (const utterance of queue.splice(0)) utterance.settle(false);
  }

  function speakUtterance(): Utterance {
    const done = Promise.withResolvers<{ heardMs: number; complete: boolean }>();
    const utterance = {
      pcm: Buffer.alloc(0),
      ended: false,
      heardMs: 0,
      settle: (complete: boolean) => done.resolve({ heardMs: utterance.heardMs, complete }),
    };
    queue.push(utterance);
    return {
      async write(pcm) {
        utterance.pcm = Buffer.concat([utterance.pcm, pcm]);
      },
      end() {
        utterance.ended = true;
      },
      get heardMs() {
        return utterance.heardMs;
      },
      played: done.promise,
    };
  }

  const leg: MediaLeg = {
    channelId: 'test',
    sampleRate: RATE,
    closed: closed.promise,
    onFrame(listener) {
      frames.add(listener);
      return () => void frames.delete(listener);
    },
    onPlayed(listener) {
      played.add(listener);
      return () => void played.delete(listener);
    },
    speak: speakUtterance,
    flush() {
      paused = false;
      flush();
    },
    pause() {
      paused = true;
    },
    resume() {
      paused = false;
    },
    pauseOnSpeech(on) {
      armed = on;
    },
    get speaking() {
      return queue.length > 0;
    },
    async close() {
      flush();
      closed.resolve({});
    },
  };

  return {
    leg,
    person,
    get soundAtMs() {
      return soundAtMs;
    },
    answer() {
      answeredAt = performance.now();
      person.answered();
      ticking = setInterval(tick, 20);
    },
    hangUp() {
      clearInterval(ticking);
      person.ended();
    },
    lose(error: Error) {
      flush();
      closed.resolve({ error });
    },
    onHangUp(action: () => void) {
      onHangUp = action;
    },
    onKey(action: (key: string) => void) {
      onKey = action;
    },
    record(): PersonCallRecord {
      if (record === undefined) throw new Error('the person never ended their call');
      return record;
    },
  };
}

function isLoud(frame: Buffer): boolean {
  for (let at = 0; at + 1 < frame.length; at += 2) if (Math.abs(frame.readInt16LE(at)) > 500) return true;
  return false;
}

/** Loud, and no words in it. */
function hiss(): Buffer {
  const frame = Buffer.alloc(FRAME_BYTES);
  for (let at = 0; at < frame.length; at += 2) frame.writeInt16LE(Math.round((Math.random() - 0.5) * 20_000), at);
  return frame;
}

/** As src/sleep.ts, on the driven clock, which doesn't reach node:timers/promises. */
function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
