import { afterEach, beforeEach, expect, it } from 'vitest';
import { createEmailChannel } from '../../src/alerts/email.ts';
import { type SmtpSandbox, startSmtpSandbox } from '../../src/sandbox/smtp.ts';
import { failureOf, keptLog, rendered } from './rendered.ts';

const never = new AbortController().signal;
let sandbox: SmtpSandbox;
let log: ReturnType<typeof keptLog>;
beforeEach(async () => {
  sandbox = await startSmtpSandbox({ password: 'pass word/1' });
  log = keptLog();
});
afterEach(() => sandbox.close());

const channel = (options: { smtpUrl?: string; patienceMs?: number } = {}) =>
  createEmailChannel({
    smtpUrl: sandbox.url,
    from: 'Ringfence <agent@example.com>',
    to: ['ops@example.com', 'boss@example.com'],
    log,
    ...options,
  });

it('everybody on the list gets the mail, and a second sending carries the same Message-ID', async () => {
  await channel().send(rendered, never);
  await channel().send(rendered, never);
  const [mail, again] = sandbox.mails;
  expect(mail).toMatchObject({ to: ['ops@example.com', 'boss@example.com'], subject: rendered.subject, text: rendered.text.trim() });
  expect(mail?.headers['message-id']).toContain(rendered.id);
  expect(again?.headers['message-id']).toBe(mail?.headers['message-id']);
});

it.each([
  ['auth', 454, 'transient', 'login at the moment'],
  ['auth', 535, 'auth', 'ALERT_EMAIL_SMTP_URL'],
  ['mail-from', 530, 'auth', 'ALERT_EMAIL_SMTP_URL'],
  ['greeting', 421, 'transient', 'busy'],
  ['greeting', 554, 'permanent', 'refuses the mail'],
  ['mail-from', 452, 'transient', 'no room'],
  ['mail-from', 503, 'transient', 'new connection'],
  ['mail-from', 501, 'permanent', 'refuses the mail'],
  ['rcpt-to', 450, 'transient', 'greylisting'],
  ['rcpt-to', 550, 'permanent', 'ALERT_EMAIL_TO'],
  ['data', 451, 'transient', 'busy'],
  ['data', 552, 'permanent', 'mailbox is full'],
] as const)('%s answered with %d is %s', async (stage, code, category, hint) => {
  sandbox.set(stage, { kind: 'code', code });
  const error = await failureOf(channel().send(rendered, never));
  expect(error).toMatchObject({ service: 'smtp', status: code, category });
  expect(error.message).toContain(hint);
});

it('when one of two addresses is refused, the other has the mail: it is not sent again, and the log names the bad one', async () => {
  sandbox.set('rcpt-to', { kind: 'code', code: 550 }, { address: 'boss@example.com' });
  await channel().send(rendered, never);
  expect(sandbox.mails).toHaveLength(1);
  expect(log.lines).toMatchObject([{ level: 'error', message: expect.stringContaining('boss@example.com') }]);
});

it('silence, a dropped line, a closed port and an unknown host are passing troubles', async () => {
  sandbox.set('greeting', { kind: 'silence' });
  expect(await failureOf(channel({ patienceMs: 100 }).send(rendered, never))).toMatchObject({ category: 'transient' });
  sandbox.clear();
  sandbox.set('data', { kind: 'drop' });
  expect(await failureOf(channel().send(rendered, never))).toMatchObject({ category: 'transient' });
  const gone = channel();
  await sandbox.close();
  expect(await failureOf(gone.send(rendered, never))).toMatchObject({ category: 'transient', code: 'ECONNREFUSED' });
});

it('a server that says nothing is left at the deadline', async () => {
  sandbox.set('data', { kind: 'silence' });
  expect(await failureOf(channel().send(rendered, AbortSignal.timeout(200)))).toMatchObject({ category: 'transient', code: 'ETIMEDOUT' });
});

it('no error holds the password, not even when the server repeats it', async () => {
  const words = ['pass word/1', 'pass%20word%2F1', Buffer.from('\0sandbox\0pass word/1').toString('base64')];
  for (const word of words) {
    sandbox.set('auth', { kind: 'code', code: 535, text: `no such login: ${word}` });
    const error = await failureOf(channel().send(rendered, never));
    expect(`${error.message} ${error.stack} ${String(error.cause)} ${JSON.stringify(error)}`).not.toContain(word);
  }
});
