import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ServiceError } from '../../src/errors.ts';
import { elevenLabsErrors, type ScribeErrorType } from '../../src/sandbox/elevenlabs/elevenlabs-errors.ts';
import { startElevenLabsSandbox } from '../../src/sandbox/elevenlabs/elevenlabs-sandbox.ts';
import { speak } from '../../src/sandbox/voice/voice.ts';
import { createElevenLabsSpeechToText } from '../../src/services/elevenlabs-speech-to-text.ts';
import { createReconnectingSpeechToText, type ReconnectingOptions } from '../../src/services/reconnecting-speech-to-text.ts';
import type { SpeechToText } from '../../src/services/speech-to-text.ts';
import { createScriptedSpeechToText, serviceFailure } from './scripted-speech-to-text.ts';
import { failureOf } from './settled.ts';

const SAMPLE_RATE = 8000;
const FRAME = Buffer.alloc(320);

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Opens a lasting session and notes what the conversation would hear. */
async function listen(inner: SpeechToText, options: ReconnectingOptions = {}) {
  const call = new AbortController();
  const interims: string[] = [];
  const finals: string[] = [];
  const failures: ServiceError[] = [];
  const breaker = { closed: true, failed: [] as string[], succeeded: 0 };
  const session = await createReconnectingSpeechToText(inner, {
    reopen: {
      async open(request) {
        if (!breaker.closed) throw serviceFailure('transient', { code: 'breaker-open' });
        try {
          const opened = await inner.open(request);
          breaker.succeeded++;
          return opened;
        } catch (error) {
          breaker.failed.push((error as ServiceError).code);
          throw error;
        }
      },
    },
    onLost: (error) => breaker.failed.push(error.code),
    ...options,
  }).open({
    sampleRate: SAMPLE_RATE,
    language: 'en',
    onInterim: (text) => interims.push(text),
    onFinal: (text) => finals.push(text),
    onError: (error) => failures.push(error),
    signal: call.signal,
  });
  closers.push(() => session.close());
  const send = (frames: number) => {
    for (let i = 0; i < frames; i++) session.send(FRAME);
  };
  return { session, send, call, interims, finals, failures, breaker };
}

describe('a lost transcription', () => {
  let service: ReturnType<typeof createScriptedSpeechToText>;
  beforeEach(() => {
    vi.useFakeTimers();
    service = createScriptedSpeechToText();
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  /** How long after the loss each reconnection came. Milliseconds. */
  const reconnections = (lostAt: number) => service.openedAt.slice(1).map((at) => at - lostAt);
  const lose = (error = serviceFailure()) => {
    service.last.options.onError(error);
    return Math.round(performance.now());
  };

  it('because not a word came of it is told to the breaker, tried once more elsewhere, and given up when that is no better', async () => {
    const { session, failures, breaker } = await listen(service);
    await vi.advanceTimersByTimeAsync(20_000);
    session.distrust?.();
    expect(service.last.distrusted).toBe(1);
    lose(serviceFailure('transient', { code: 'no-words' }));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(service.last.options.avoid).toBe('speech-to-text');
    expect([breaker.failed, failures, service.sessions.length]).toEqual([['no-words'], [], 2]);
    // Empty transcripts are no sign of health.
    service.last.options.onFinal('');
    await vi.advanceTimersByTimeAsync(20_000);
    lose(serviceFailure('transient', { code: 'no-words' }));
    expect(failures.map(({ code }) => code)).toEqual(['no-words']);
  });

  it('is opened again sooner at first, then ever later, never at the same moment as others, and given up when patience is spent', async () => {
    const chance = vi.spyOn(Math, 'random');
    for (const share of [0, 0.5, 0.25, 0.75, 0.125, 0.9, 0.3]) chance.mockReturnValueOnce(share);
    const { failures, breaker } = await listen(service);
    service.answer = serviceFailure();
    const lostAt = lose();
    await vi.advanceTimersByTimeAsync(12_000);
    const at = reconnections(lostAt);
    const waits = at.map((ms, i) => ms - (at[i - 1] ?? 0));
    // Between a half and the whole of 250, 500, 1000, 2000 and then 4000 ms.
    expect(waits).toEqual([125, 375, 625, 1750, 2250, 3800, 2600]);
    expect(failures).toHaveLength(1);
    expect(breaker.failed).toHaveLength(waits.length + 1);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(service.openedAt).toHaveLength(waits.length + 1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('again, before anybody could know of the new session, is told as found once only', async () => {
    const found: number[] = [];
    let losses = 1;
    const reopen: SpeechToText = {
      async open(request) {
        const session = await service.open(request);
        if (losses-- > 0) request.onError(serviceFailure());
        return session;
      },
    };
    await listen(service, { reopen, onReconnected: (_, afterMs) => found.push(afterMs) });
    lose();
    await vi.advanceTimersByTimeAsync(10_000);
    expect([service.sessions.map(({ closed }) => closed), found.length]).toEqual([[true, true, false], 1]);
  });

  it('costs no sound: the new session is told everything that was not final, commits in their places', async () => {
    const { session, send, finals, breaker } = await listen(service);
    send(3);
    session.commit();
    service.last.options.onFinal('yes');
    send(5);
    session.commit();
    send(2);
    lose();
    send(4);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(service.last.told).toBe('.....!......');
    send(1);
    expect(service.last.told).toBe('.....!.......');
    service.last.options.onFinal('at four');
    expect([finals, breaker.succeeded]).toEqual([['yes', 'at four'], 1]);
    lose();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(service.last.told).toBe('.......');
  });

  it('is caught up with faster than it was spoken, not in one gush, and in order with what is said meanwhile', async () => {
    const { session, send } = await listen(service);
    send(100);
    lose();
    await vi.advanceTimersByTimeAsync(260);
    expect(service.last.told.length).toBeLessThan(60);
    session.commit();
    send(1);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(service.last.told).toBe(`${'.'.repeat(100)}!.`);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('keeps a bounded stretch of sound, and more of it while words are coming', async () => {
    const { send } = await listen(service, { replaySpeed: 1_000 });
    send(5_000);
    lose();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(service.last.told).toHaveLength(500);
    service.last.options.onInterim('well');
    send(5_000);
    lose();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(service.last.told).toHaveLength(1_500);
  });

  it('does not go back to the first word of what is being said', async () => {
    const { interims, send } = await listen(service);
    send(1);
    for (const text of ['I', 'I would', 'I would like']) service.last.options.onInterim(text);
    lose();
    await vi.advanceTimersByTimeAsync(1_000);
    for (const text of ['I', 'I would', 'I would like', 'I would like to']) service.last.options.onInterim(text);
    expect(interims).toEqual(['I', 'I would', 'I would like', 'I would like', 'I would like to']);
  });

  it.each(['auth', 'quota', 'permanent'] as const)('is not opened again when the trouble is %s', async (category) => {
    const { failures } = await listen(service);
    const failure = serviceFailure(category);
    lose(failure);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(failures).toEqual([failure]);
    expect(service.openedAt).toHaveLength(1);
  });

  it('is not opened again once a reconnection finds that nobody paid', async () => {
    const { failures, breaker } = await listen(service);
    service.answer = serviceFailure('quota', { code: 'quota_exceeded' });
    lose();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(failures).toEqual([service.answer]);
    expect(breaker.failed).toEqual(['connection-closed', 'quota_exceeded']);
    expect(service.openedAt).toHaveLength(2);
  });

  it('is not opened again while the breaker is open, whoever opened it', async () => {
    const { failures, breaker } = await listen(service);
    service.answer = serviceFailure();
    lose();
    await vi.advanceTimersByTimeAsync(260);
    breaker.closed = false;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(service.openedAt).toHaveLength(2);
    expect(failures).toMatchObject([{ code: 'breaker-open' }]);
  });

  it('waits as long as the service asks for', async () => {
    await listen(service);
    const lostAt = lose(serviceFailure('rate-limited', { retryAfterMs: 3_000 }));
    await vi.advanceTimersByTimeAsync(12_000);
    expect(reconnections(lostAt)).toEqual([3_000]);
  });

  it('does not hang with a service that never answers', async () => {
    const { failures } = await listen(service);
    service.answer = 'hang';
    lose();
    await vi.advanceTimersByTimeAsync(12_000);
    expect(failures).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each(['session_time_limit_exceeded', 'insufficient_audio_activity', 'session-idle'])(
    'is replaced at once, and held against nobody, when it ended by %s',
    async (code) => {
      const { failures, breaker, session } = await listen(service);
      for (let hour = 0; hour < 5; hour++) {
        await vi.advanceTimersByTimeAsync(3_600_000);
        session.send(FRAME);
        const lostAt = lose(serviceFailure('permanent', { code }));
        await vi.advanceTimersByTimeAsync(100);
        expect(service.openedAt.at(-1)).toBe(lostAt);
      }
      expect(service.last.told).toBe('.....');
      expect([failures, breaker.failed, breaker.succeeded]).toEqual([[], [], 5]);
    },
  );

  it('is given up when sessions are granted and lost again and again', async () => {
    const { failures } = await listen(service);
    for (let i = 0; i < 50 && failures.length === 0; i++) {
      lose(serviceFailure('permanent', { code: 'session_time_limit_exceeded' }));
      await vi.advanceTimersByTimeAsync(4_000);
    }
    expect(failures).toHaveLength(1);
    expect(service.openedAt.length).toBeLessThan(8);
  });

  it('has patience anew after something was understood', async () => {
    const { failures } = await listen(service);
    for (let i = 0; i < 50; i++) {
      lose();
      await vi.advanceTimersByTimeAsync(4_000);
      service.last.options.onFinal('yes');
    }
    expect(failures).toEqual([]);
  });

  it('asks again only for the commits that can still be answered', async () => {
    const { session, send } = await listen(service);
    send(1);
    session.commit();
    await vi.advanceTimersByTimeAsync(20_000);
    send(1);
    session.commit();
    lose();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(service.last.told).toBe('..!');
  });

  it('is forgotten when the call ends in the middle of it', async () => {
    const { failures, call, send, session } = await listen(service);
    service.answer = serviceFailure();
    send(10);
    lose();
    call.abort(new Error('the callee hung up'));
    send(1);
    session.commit();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(service.openedAt).toHaveLength(1);
    expect(failures).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('never gets a word in once it is replaced or closed', async () => {
    const { finals, interims, failures, session } = await listen(service);
    const old = service.last;
    lose();
    await vi.advanceTimersByTimeAsync(1_000);
    const speakLate = (options: typeof old.options) => {
      options.onFinal('late');
      options.onInterim('late');
      options.onError(serviceFailure());
    };
    speakLate(old.options);
    session.close();
    expect(service.last.closed).toBe(true);
    speakLate(service.last.options);
    await vi.advanceTimersByTimeAsync(60_000);
    expect([finals, interims, failures]).toEqual([[], [], []]);
    expect(service.openedAt).toHaveLength(2);
  });

  it('is the caller’s matter when it could not even begin', async () => {
    service.answer = serviceFailure();
    expect(await failureOf(listen(service))).toBe(service.answer);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(service.openedAt).toHaveLength(1);
  });
});

describe('words spoken across a drop, to the ElevenLabs sandbox', () => {
  async function elevenLabs(options: ReconnectingOptions = {}) {
    const sandbox = await startElevenLabsSandbox({ apiKey: 'right' });
    closers.push(sandbox.close);
    const inner = createElevenLabsSpeechToText({ apiKey: 'right', baseUrl: sandbox.url, deadlineMs: 10_000, stallMs: 10_000 });
    const lasting = await listen(inner, { patienceMs: 60_000, ...options });
    const say = (pcm: Buffer) => {
      for (let at = 0; at < pcm.length; at += 320) lasting.session.send(pcm.subarray(at, at + 320));
    };
    return { sandbox, say, ...lasting };
  }
  const TEXT = 'good morning I would like to move my appointment';
  const half = (pcm: Buffer) => Math.round(pcm.length / 4) * 2;

  it.each(['in the middle of a word', 'before the words became final'])('are heard word for word: cut off %s', async (when) => {
    const { sandbox, say, session, interims, finals, failures, breaker } = await elevenLabs();
    const pcm = speak(TEXT, SAMPLE_RATE);
    const cut = when === 'in the middle of a word' ? half(pcm) : pcm.length;
    say(pcm.subarray(0, cut));
    await expect.poll(() => interims.length).toBeGreaterThan(2);
    sandbox.dropSessions();
    await expect.poll(() => sandbox.sessions).toBe(0);
    say(pcm.subarray(cut));
    session.commit();
    await expect.poll(() => finals, { timeout: 15_000 }).toEqual([TEXT]);
    say(speak('goodbye', SAMPLE_RATE));
    session.commit();
    await expect.poll(() => finals, { timeout: 15_000 }).toEqual([TEXT, 'goodbye']);
    expect([failures, breaker.failed.length, breaker.succeeded]).toEqual([[], 1, 1]);
    expect(interims.every((text, i) => text.length >= (interims[i - 1] ?? '').length || i >= interims.length - 1)).toBe(true);
  });

  it('are heard word for word when the handshake is refused a few times first', async () => {
    const { sandbox, say, session, finals, breaker } = await elevenLabs();
    sandbox.faults.set(elevenLabsErrors.unavailable503, { path: /speech-to-text/, times: 2 });
    const pcm = speak(TEXT, SAMPLE_RATE);
    say(pcm.subarray(0, half(pcm)));
    sandbox.dropSessions();
    say(pcm.subarray(half(pcm)));
    session.commit();
    await expect.poll(() => finals, { timeout: 15_000 }).toEqual([TEXT]);
    expect(breaker.failed).toHaveLength(3);
  });

  it.each<ScribeErrorType>(['session_time_limit_exceeded', 'insufficient_audio_activity', 'transcriber_error', 'queue_overflow'])(
    'are heard word for word when the session ends with %s',
    async (type) => {
      const { sandbox, say, session, finals, failures } = await elevenLabs();
      const pcm = speak(TEXT, SAMPLE_RATE);
      say(pcm.subarray(0, half(pcm)));
      sandbox.failSessions(type);
      say(pcm.subarray(half(pcm)));
      session.commit();
      await expect.poll(() => finals, { timeout: 15_000 }).toEqual([TEXT]);
      expect(failures).toEqual([]);
    },
  );

  it.each<[ScribeErrorType, string]>([
    ['quota_exceeded', 'quota'],
    ['auth_error', 'auth'],
    ['invalid_request', 'permanent'],
  ])('end the listening when the session ends with %s', async (type, category) => {
    const { sandbox, failures } = await elevenLabs();
    sandbox.failSessions(type);
    await expect.poll(() => failures).toMatchObject([{ code: type, category }]);
    expect(sandbox.faults.requests).toHaveLength(1);
  });
});
