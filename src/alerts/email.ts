import nodemailer from 'nodemailer';
import { createClassify } from '../error-classification/classify.ts';
import type { ServiceError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { Channel } from './channel.ts';
import { SMTP_ERRORS } from './errors/smtp.ts';

export interface EmailOptions {
  /** `smtp://user:password@host:587` (STARTTLS where offered) or `smtps://…:465`. */
  smtpUrl: string;
  from: string;
  to: readonly string[];
  /** The longest silence of the server. Milliseconds; the caller's signal ends the whole sending. */
  patienceMs?: number;
  log: Pick<Logger, 'error'>;
}

/** Mails to a few people, one connection a mail: alerts are too rare for a pool. */
export function createEmailChannel({ smtpUrl, from, to, patienceMs = 15_000, log }: EmailOptions): Channel {
  const { hostname } = new URL(smtpUrl);
  const classify = createClassify({ service: 'smtp', table: SMTP_ERRORS, secrets: secretsOf(smtpUrl) });
  const transport = nodemailer.createTransport({
    url: smtpUrl,
    connectionTimeout: patienceMs,
    greetingTimeout: patienceMs,
    socketTimeout: patienceMs,
    dnsTimeout: patienceMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  });

  return {
    name: 'email',
    async send({ id, subject, text }, signal) {
      try {
        signal.throwIfAborted();
        // Our own Message-ID: a mail that is sent again because the answer to the first was lost is shown once by most readers.
        const messageId = `<${id}@${hostname}>`;
        const { rejectedErrors = [] } = await transport.sendMail({ from, to: [...to], subject, text, messageId, signal });
        // Some took it, some didn't: to nodemailer that is a success. Sending it again would only bother those who have it.
        for (const refused of rejectedErrors) tellRefused(classify(refused, 'alert'), refused, log);
      } catch (error) {
        throw classify(signal.aborted ? signal.reason : error, 'alert');
      }
    },
  };
}

/** The password in every form in which it crosses the wire (AUTH LOGIN and AUTH PLAIN), for a server may repeat what it refuses. */
function secretsOf(smtpUrl: string): string[] {
  const { username, password } = new URL(smtpUrl);
  const [user, pass] = [decodeURIComponent(username), decodeURIComponent(password)];
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  return password === '' ? [] : [smtpUrl, password, pass, base64(pass), base64(`\0${user}\0${pass}`)];
}

function tellRefused(error: ServiceError, refused: { recipient?: string | undefined }, log: Pick<Logger, 'error'>): void {
  const who = refused.recipient ?? 'one recipient';
  log.error({ service: 'smtp', err: error }, `An alert did not reach ${who}, though others got it: ${error.message}`);
}
