import { alertTime, type BreakerClosed, type BreakerOpened, type CallFailed, type Counts, type DeadLetter, type Message } from './alert.ts';
import { cut } from './clean-alert.ts';
import { runbookLink } from './runbook.ts';
import { counted, durationInWords, serviceName, serviceNames, timeInWords } from './words.ts';

/** A message as the channels send it. */
export interface RenderedMessage {
  /** Message's id: mail's Message-ID and webhook's id are made of it. */
  id: string;
  subject: string;
  /** For a mail. */
  text: string;
  /** Plain text too, the subject in it: no marks that could be misread. */
  telegram: string;
  /** JSON, to be signed and sent as it stands. */
  webhook: string;
}

export interface RenderOptions {
  /** Where this installation publishes docs/operations.md. Without it, messages name the file. */
  runbookUrl?: string | undefined;
}

/** The four things that somebody wants to know at three in the morning. */
interface Story {
  subject: string;
  /** One fact a line. */
  happened: string[];
  /** What the system does about it. */
  does: string;
  /** What a human should do. */
  todo: string;
}

/** https://core.telegram.org/bots/api#sendmessage, in UTF-16 units. */
const TELEGRAM_MAX = 4_096;
const SUBJECT_MAX = 150;

export function renderMessage(message: Message, { runbookUrl }: RenderOptions = {}): RenderedMessage {
  const story = tell(message);
  const link = runbookLink(message.alert, runbookUrl);
  const body = `${story.happened.join('\n')}\n\nWhat Ringfence does: ${story.does}\nWhat you should do: ${story.todo}`;
  const tail = `\nRunbook: ${link}`;
  const subject = cut(story.subject, SUBJECT_MAX);
  return {
    id: message.id,
    subject: `[Ringfence] ${subject}`,
    text: `${body}${tail}\n`,
    telegram: `${cut(`${subject}\n\n${body}`, TELEGRAM_MAX - tail.length)}${tail}`,
    webhook: JSON.stringify({
      type: message.alert.kind,
      timestamp: new Date(alertTime(message.alert)).toISOString(),
      data: { ...message.alert, counts: message.counts, subject, does: story.does, todo: story.todo, runbook: link },
    }),
  };
}

function tell({ alert, counts }: Message): Story {
  switch (alert.kind) {
    case 'breaker-opened':
      return tellOpened(alert, counts);
    case 'breaker-closed':
      return tellClosed(alert, counts);
    case 'call-failed':
      return tellFailed(alert, counts);
    case 'dead-letter':
      return tellDeadLetter(alert, counts);
    default:
      return alert satisfies never;
  }
}

const PROBES = ' A health check goes on asking, and calls resume by themselves when it succeeds.';

/** No call waits for these: what is to be told to them does. */
const TOLD_AFTERWARDS: readonly string[] = ['hubspot', 'google-sheets', 'outcome-webhook'];

const OPENED_TODO = {
  transient: "Nothing, if it is short. If it lasts, look at the service's status page and at the network of this machine.",
  'rate-limited': 'Lower CALL_CONCURRENCY, or ask the service for a higher limit.',
  permanent: 'Read the reason: the request itself is refused.',
  auth: 'Correct the key or its rights in .env and restart the workers: nothing else will mend it.',
  quota: 'Buy more, raise the limit, or wait for the next period: nothing else will mend it.',
  manual: 'Close it when the reason is gone: npm run breaker -- close <service>. Until then it stays open, however well the service is.',
} as const;

function tellOpened(alert: BreakerOpened, { reopened }: Counts): Story {
  const { service, category, trunk, scope } = alert;
  const account = category === 'auth' || category === 'quota';
  const name = trunk ? `Trunk ${trunk.name}` : serviceName(service);
  const sip = trunk?.sipStatus === undefined ? '' : ` (SIP ${trunk.sipStatus})`;
  const afterwards = TOLD_AFTERWARDS.includes(service);
  return {
    subject: `${name} can't be used${sip}: ${afterwards ? 'calls go on, what is to be written there waits' : 'calls that need it wait'}`,
    happened: [
      `What happened: ${alert.reason}`,
      `Service: ${service}${account ? ' and everything else of the same account' : ''}; its breaker is ${category === 'manual' ? 'held open by hand' : 'open'}${scope === 'local' ? ', in one process alone' : ''}`,
      ...(trunk ? [`Trunk: ${trunk.name}${trunk.sipStatus === undefined ? '' : `, SIP status ${trunk.sipStatus}`}`] : []),
      `Since: ${timeInWords(alert.since)}`,
      ...(reopened > 0 ? [`It has opened ${counted(reopened, 'time')} since the last message.`] : []),
    ],
    does: afterwards
      ? 'Calls go on without it. What is to be written there waits, is written when it is back, and is not lost.'
      : `Calls that need it wait in the queue and lose no attempt; calls that don't go on.${category === 'manual' ? '' : PROBES}`,
    todo: trunk ? 'Ask the carrier, and check the registration and the credentials of this trunk in Asterisk.' : OPENED_TODO[category],
  };
}

function tellClosed(alert: BreakerClosed, { reopened, failed, heldBack, services = [alert.service] }: Counts): Story {
  const flapping = reopened > 0;
  const names = serviceNames(services);
  const afterwards = TOLD_AFTERWARDS.includes(alert.service);
  return {
    subject: `${names} ${services.length > 1 ? 'are' : 'is'} back after ${durationInWords(alert.openForMs)}`,
    happened: [
      ...(services.length > 1 ? [`Down together: ${services.join(', ')}`] : []),
      `What happened: ${alert.service} answers again; its breaker is closed${alert.by === 'human' ? ' (by hand)' : ''} since ${timeInWords(alert.at)}`,
      `It was open for: ${durationInWords(alert.openForMs)}`,
      ...(afterwards ? [] : [`Calls held back: ${heldBack.toLocaleString('en-US')}`]),
      ...(failed > 0 ? [`+${counted(failed, 'more call')} failed because of it`] : []),
      ...(flapping ? [`It opened and closed again +${counted(reopened, 'more time')}.`] : []),
    ],
    does: afterwards ? 'What waited for it is written now.' : 'The calls that were held back are placed now; nobody is called twice.',
    todo: flapping
      ? 'It comes and goes: ask the service, or hold it open by hand until it is well (see the runbook).'
      : 'Nothing. Calls that failed are not placed again by themselves: the report lists them.',
  };
}

function tellFailed(alert: CallFailed, { more, moreSince }: Counts): Story {
  const because = alert.service === undefined ? '' : `: ${serviceName(alert.service)}`;
  const summed = more > 0;
  return {
    subject: summed ? `+${counted(more, 'more call')} failed${because}` : `A call failed${because}`,
    happened: [
      ...(summed ? [`+${counted(more, 'more call')} failed since ${timeInWords(moreSince ?? alert.at)}. The last of them:`] : []),
      `What happened: the call to ${alert.phone} failed for good: ${alert.reason}`,
      `Campaign: ${alert.campaign}`,
      `Attempt: ${alert.attempt}`,
      ...(alert.service === undefined ? [] : [`Service: ${alert.service}`]),
      `When: ${timeInWords(alert.at)}`,
    ],
    does: 'It is recorded as failed, and the next contact is called. Further ones are counted and told in one line.',
    todo: 'Read the reason. The attempt leads to the log lines of this call.',
  };
}

function tellDeadLetter(alert: DeadLetter, { more, moreSince }: Counts): Story {
  const total = alert.count + Math.max(0, more - 1);
  return {
    subject: `${counted(total, 'message')} could not be sent by ${alert.channel}`,
    happened: [
      `What happened: ${counted(total, 'alert')} could not be delivered by ${alert.channel}, and will not be tried again: ${alert.reason}`,
      `When: ${more > 0 ? `since ${timeInWords(moreSince ?? alert.at)}, last ` : ''}${timeInWords(alert.at)}`,
    ],
    does: `They are kept in dead-letters/alerts-${alert.channel}.jsonl below DATA_DIR, and as failed jobs of the queue alerts-${alert.channel}.`,
    todo: `Mend the channel, then send them again from Bull Board (queue alerts-${alert.channel}, Failed, Retry).`,
  };
}
