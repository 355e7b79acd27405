import nodemailer from 'nodemailer';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type SmtpSandbox, startSmtpSandbox } from '../../src/sandbox/smtp.ts';

let sandbox: SmtpSandbox;
beforeEach(async () => {
  sandbox = await startSmtpSandbox();
});
afterEach(() => sandbox.close());

const mail = {
  from: 'agent@example.com',
  to: 'ops@example.com, boss@example.com',
  subject: 'Zürich ✓ is down',
  text: 'Line 1\n\n+12025•••23 — done',
};
const send = (url = sandbox.url) => nodemailer.createTransport({ url, greetingTimeout: 300, socketTimeout: 5_000 }).sendMail(mail);
const failure = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error as Record<string, unknown>,
  );

it('a mail arrives as it was written, whatever its letters', async () => {
  await send();
  expect(sandbox.mails).toMatchObject([
    {
      from: 'agent@example.com',
      to: ['ops@example.com', 'boss@example.com'],
      subject: 'Zürich ✓ is down',
      text: 'Line 1\n\n+12025•••23 — done',
    },
  ]);
  expect(sandbox.seen).toEqual(['greeting', 'auth', 'mail-from', 'rcpt-to', 'rcpt-to', 'data']);
});

it('a wrong password is refused with 535', async () => {
  const error = await failure(send(sandbox.url.replace('sandbox-password', 'wrong')));
  expect(error).toMatchObject({ responseCode: 535, code: 'EAUTH' });
});

it.each([
  ['greeting', 421],
  ['auth', 454],
  ['mail-from', 452],
  ['rcpt-to', 550],
  ['data', 552],
] as const)('at the stage %s it refuses with %d, once, when told so', async (stage, code) => {
  sandbox.set(stage, { kind: 'code', code }, { times: stage === 'rcpt-to' ? 2 : 1 });
  expect(await failure(send())).toMatchObject({ responseCode: code });
  expect(sandbox.mails).toHaveLength(0);
  await send();
  expect(sandbox.mails).toHaveLength(1);
});

it('it can refuse one of two recipients', async () => {
  sandbox.set('rcpt-to', { kind: 'code', code: 550 }, { address: 'boss@example.com' });
  expect(await send()).toMatchObject({ accepted: ['ops@example.com'], rejected: ['boss@example.com'] });
});

it('it falls silent, and drops the line after it has taken the mail', async () => {
  sandbox.set('greeting', { kind: 'silence' });
  expect(await failure(send())).toMatchObject({ code: 'ETIMEDOUT' });
  sandbox.clear();
  sandbox.set('data', { kind: 'drop' });
  expect(await failure(send())).toMatchObject({ code: expect.stringMatching(/ECONNECTION|ESOCKET/) });
  expect(sandbox.mails).toHaveLength(1);
});
