import type { AddressInfo, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { SMTPServer } from 'smtp-server';
import { type Mail, readMail } from './mail.ts';

/** Where in a session the server misbehaves. */
export type SmtpStage = 'greeting' | 'auth' | 'mail-from' | 'rcpt-to' | 'data';

/** What it does there. */
export type SmtpFault =
  | { kind: 'code'; code: number; text?: string }
  /** Says nothing more, with the connection left open. */
  | { kind: 'silence' }
  /** Resets the connection. At `data` the mail has been taken by then: the sender can't know. */
  | { kind: 'drop' };

export interface SmtpFaultOptions {
  /** Only so often. Without it, until told otherwise. */
  times?: number;
  /** At `rcpt-to`: only for this address. */
  address?: string;
}

export interface SmtpSandboxOptions {
  username?: string;
  password?: string;
  port?: number;
}

export interface SmtpSandbox {
  port: number;
  /** With user and password: what a mailer is configured with. */
  url: string;
  /** Mails that were taken, oldest first. */
  readonly mails: Mail[];
  /** Stages that were reached, oldest first: what the outside saw. */
  readonly seen: SmtpStage[];
  /** One fault stands for a stage; `undefined` mends it. */
  set(stage: SmtpStage, fault: SmtpFault | undefined, options?: SmtpFaultOptions): void;
  /** The server is well again. */
  clear(): void;
  close(): Promise<void>;
}

type Done = (error?: Error | null) => void;

/** A mail server in miniature, that can be told at which stage to refuse, to fall silent or to drop the line. */
export async function startSmtpSandbox(options: SmtpSandboxOptions = {}): Promise<SmtpSandbox> {
  const { username = 'sandbox', password = 'sandbox-password', port = 0 } = options;
  const mails: Mail[] = [];
  const sockets = new Map<number, Socket>();
  const faults = createSmtpFaults((remotePort) => sockets.get(remotePort)?.resetAndDestroy());
  const server = new SMTPServer({
    logger: false,
    // Passwords in the clear: it is loopback.
    hideSTARTTLS: true,
    allowInsecureAuth: true,
    disableReverseLookup: true,
    onConnect: (session, done) => faults.pass('greeting', session, done),
    onAuth: (auth, session, done) =>
      faults.pass('auth', session, (error) => {
        const known = auth.username === username && auth.password === password;
        if (error) done(error);
        else if (known) done(null, { user: username });
        else done(refusal(535, 'Username and password not accepted'));
      }),
    onMailFrom: (_address, session, done) => faults.pass('mail-from', session, done),
    onRcptTo: ({ address }, session, done) => faults.pass('rcpt-to', session, done, address),
    onData(stream, session, done) {
      void text(stream).then((source) => {
        const { mailFrom, rcptTo } = session.envelope;
        const to = rcptTo.map(({ address }) => address);
        if (!faults.refuses('data')) mails.push(readMail(source, mailFrom === false ? '' : mailFrom.address, to));
        faults.pass('data', session, done);
      });
    },
  });
  // A client that gives up, or is thrown out, is no error of the server's.
  server.on('error', () => {});
  server.server.on('connection', (socket: Socket) => {
    const key = socket.remotePort ?? 0;
    sockets.set(key, socket);
    socket.once('close', () => sockets.delete(key));
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const actual = (server.server.address() as AddressInfo).port;
  return {
    port: actual,
    url: `smtp://${encodeURIComponent(username)}:${encodeURIComponent(password)}@127.0.0.1:${actual}`,
    mails,
    seen: faults.seen,
    set: faults.set,
    clear: faults.clear,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets.values()) socket.destroy();
      }),
  };
}

function refusal(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode });
}

interface SmtpFaults extends Pick<SmtpSandbox, 'seen' | 'set' | 'clear'> {
  /** Goes on by `done`, unless the stage is ill. */
  pass(stage: SmtpStage, session: { remotePort: number }, done: Done, address?: string): void;
  refuses(stage: SmtpStage): boolean;
}

function createSmtpFaults(drop: (remotePort: number) => void): SmtpFaults {
  const seen: SmtpStage[] = [];
  const active = new Map<SmtpStage, SmtpFaultOptions & { fault: SmtpFault }>();
  return {
    seen,
    set(stage, fault, options = {}) {
      if (fault) active.set(stage, { fault, ...options });
      else active.delete(stage);
    },
    clear: () => active.clear(),
    refuses: (stage) => active.get(stage)?.fault.kind === 'code',
    pass(stage, { remotePort }, done, address) {
      seen.push(stage);
      const found = active.get(stage);
      if (!found || (found.address !== undefined && found.address !== address)) {
        done();
        return;
      }
      if (found.times !== undefined && --found.times <= 0) active.delete(stage);
      const { fault } = found;
      if (fault.kind === 'code') done(refusal(fault.code, fault.text ?? 'as the sandbox was told'));
      else if (fault.kind === 'drop') drop(remotePort);
    },
  };
}
