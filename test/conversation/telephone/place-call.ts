import { vi } from 'vitest';
import type { CallLine } from '../../../src/conversation/call-line.ts';
import {
  type Conversation,
  type ConversationEnd,
  type ConversationRequest,
  createConversation,
} from '../../../src/conversation/conversation.ts';
import type { ConversationState } from '../../../src/conversation/dialogue.ts';
import { linesFor, linesToRender } from '../../../src/conversation/lines.ts';
import type { ReadyLine, ReadyLines } from '../../../src/conversation/ready-lines.ts';
import type { CrmFile } from '../../../src/conversation/tools/crm.ts';
import type { PersonCall, PersonCallRecord } from '../../../src/sandbox/people/person-call.ts';
import { speak } from '../../../src/sandbox/voice/voice.ts';
import type { ModelRequest } from '../../../src/services/language-model.ts';
import { createLine, type LineOptions, RATE } from './line.ts';
import { createServices, type ServicesOptions } from './services.ts';

export interface CallOptions extends LineOptions, ServicesOptions {
  opening?: string;
  campaign?: Partial<ConversationRequest['campaign']>;
  variables?: Record<string, string>;
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
  states: ConversationState[];
  /** What the callee had heard each time when we were told that they opt out. */
  optOuts: string[];
  /** What the log says of the call, each time something of note happened. */
  logged: object[];
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

export const OPENING = 'Hello, this is the dental practice. I am an AI and this call is recorded. Does Tuesday at noon suit you?';
export const LIMITS = { answerTimeoutMs: 30_000, maxCallMs: 600_000, maxTurns: 40 };

/**
 * A whole call on a driven clock: a person of the sandbox at one end, a conversation at the other. The ports (leg,
 * services) are made of sound, so that what is asserted is what was heard.
 */
export function placeCall(options: CallOptions): TestCall {
  const abort = new AbortController();
  const states: ConversationState[] = [];
  const optOuts: string[] = [];
  const logged: object[] = [];
  const line = createLine(options);
  const services = createServices(options);
  let hungUpAt: number | undefined;
  const hangUp = () => {
    hungUpAt ??= performance.now();
    abort.abort(new Error('the callee hung up'));
  };
  line.onHangUp(hangUp);
  line.onKey((key) => conversation.keyPressed(key));

  const conversation = createConversation(
    {
      ...requestOf(options),
      leg: line.leg,
      signal: abort.signal,
      onOptOut: () => void optOuts.push(line.person.heardText),
    },
    {
      ...services.ports,
      readyLines: options.linesReady === true ? readyLines(options.campaign?.language ?? 'en-US') : options.linesReady || undefined,
      calleePatienceMs: options.calleePatienceMs,
      onState: (state) => void states.push(state),
      log: { info: (facts) => void logged.push(facts), warn() {} },
    },
  );

  return {
    conversation,
    person: line.person,
    get soundAtMs() {
      return line.soundAtMs;
    },
    states,
    optOuts,
    logged,
    requests: services.requests,
    synthesized: services.synthesized,
    get openRequests() {
      return services.openRequests;
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

function requestOf(options: CallOptions): Omit<ConversationRequest, 'leg' | 'signal'> {
  return {
    campaign: {
      goal: 'Confirm the appointment.',
      script: 'Ask whether the time suits.',
      goodbye: 'Goodbye and have a nice day.',
      language: 'en-US',
      voice: 'test-voice',
      limits: LIMITS,
      ...options.campaign,
    },
    contact: { phone: '+12025550199', name: 'Dana', timeZones: ['America/New_York'], variables: options.variables ?? {} },
    crm: options.crm,
    opening: recorded(options.opening ?? OPENING),
    machines: {
      ...(options.voicemailMessage !== undefined && { voicemailMessage: recorded(options.voicemailMessage) }),
      ...(options.introduction !== undefined && { introduction: recorded(options.introduction) }),
    },
    line: options.line,
    leave: options.leave,
  };
}

function recorded(text: string): ReadyLine {
  return { text, pcm: speak(text, RATE) };
}

function readyLines(language: string): ReadyLines {
  const pcmOf = new Map(linesToRender(language, undefined).map((text) => [text, speak(text, RATE)]));
  return { pcmOf, apology: recorded(linesFor(language).apology) };
}
