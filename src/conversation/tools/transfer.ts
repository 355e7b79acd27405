import type { TransferRules } from '../../call/campaign.ts';
import type { CallLine } from '../call-line.ts';
import type { Lines } from '../lines.ts';
import { nullableText } from './last-words.ts';
import type { Tool, ToolContext, ToolResult } from './tool.ts';

/** A model that keeps trying is told to stop. */
const MAX_TRIES = 3;
/** What a colleague is told is one sentence or two. Characters. */
const MAX_ANNOUNCEMENT = 300;

export interface TransferOptions {
  rules: TransferRules;
  line: CallLine;
  lines: Pick<Lines, 'connecting' | 'notReached' | 'announcing'>;
  /** How a colleague is told who is on the line. */
  calleeName: string;
  /** The sound of what the colleague is told; undefined when it can't be had. Never rejects. */
  render: (text: string, signal: AbortSignal) => Promise<Buffer | undefined>;
  /** Lets the callee hear a phone ring until the signal aborts. */
  ringTone: (signal: AbortSignal) => Promise<void>;
}

/** Puts the callee through to a colleague whom the campaign names. The model chooses the name, never a number. */
export function createTransfer(options: TransferOptions): Tool {
  const { rules, lines, calleeName } = options;
  const names = Object.keys(rules.targets);
  let tries = 0;

  async function run(args: Record<string, unknown>, { signal, say }: ToolContext): Promise<ToolResult> {
    const name = typeof args.to === 'string' ? args.to : '';
    const target = Object.hasOwn(rules.targets, name) ? rules.targets[name] : undefined;
    if (target === undefined) return { kind: 'mistake', why: `"to" must be one of ${names.join(', ')}` };
    if (tries >= MAX_TRIES) return { kind: 'failed', why: 'nobody could be reached so far, and no more tries are made in this call' };
    tries++;
    await say(lines.connecting(target.spoken));
    signal.throwIfAborted();
    const announcement = target.announce ? options.render(announcementOf(args) ?? lines.announcing(calleeName), signal) : undefined;
    const result = await whileRinging(options.ringTone, () => options.line.transfer({ target: name, announcement, signal }));
    if (result.kind === 'connected')
      return { kind: 'closing', disposition: 'transferred', reason: `put through to ${name}`, words: undefined, usual: undefined };
    signal.throwIfAborted();
    await say(lines.notReached(target.spoken));
    return { kind: 'failed', why: `${name} could not be reached (${result.reason}); the person has been told so` };
  }

  return {
    name: 'transfer_call',
    endsTalk: true,
    calleeElsewhere: true,
    describe: () => ({
      description: `Puts the person through to a colleague and leaves the call. That they are being connected is said for you, so don't announce it. When nobody answers you get the person back. Whom there is: ${names.map((name) => `${name}: ${rules.targets[name]?.about}`).join('; ')}`,
      parameters: {
        type: 'object',
        properties: {
          to: { type: 'string', enum: names },
          announcement: nullableText(
            'What the colleague is told before: who is on the line and what they want, in one sentence; null for the usual one.',
          ),
        },
        required: ['to', 'announcement'],
        additionalProperties: false,
      },
    }),
    run,
  };
}

function announcementOf({ announcement }: Record<string, unknown>): string | undefined {
  const text = typeof announcement === 'string' ? announcement.trim().slice(0, MAX_ANNOUNCEMENT) : '';
  return text === '' ? undefined : text;
}

async function whileRinging<T>(ringTone: (signal: AbortSignal) => Promise<void>, work: () => Promise<T>): Promise<T> {
  const quiet = new AbortController();
  const ringing = ringTone(quiet.signal);
  try {
    return await work();
  } finally {
    quiet.abort();
    await ringing;
  }
}
