import { execFileSync } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { debianTree } from '../../src/sandbox/debian-packages.ts';
import { freePort } from '../../src/sandbox/free-port.ts';
import { type OwnedProcess, startProcess } from '../../src/sandbox/owned-process.ts';

/** A master, its replica and the Sentinel that watches them, every connection between them and to them encrypted. */
export interface RedisFleet {
  /** By the Sentinel. */
  readonly url: string;
  /** Of its certificates, PEM. */
  readonly authority: string;
  /** SIGKILL; the Sentinel makes the replica the master within some seconds. */
  killMaster(): Promise<void>;
  stop(): Promise<void>;
}

const MASTER = 'main';

/** Undefined where no real Redis, or no openssl, can be had. */
export async function startRedisFleet(dir: string): Promise<RedisFleet | undefined> {
  const tree = debianTree('data/debian/redis');
  const authority = tree && (await makeCertificate(dir));
  if (tree === undefined || authority === undefined) return undefined;
  const started: OwnedProcess[] = [];
  const start = async (name: string, args: string[]) => {
    await mkdir(join(dir, name), { recursive: true });
    const { command, args: all } = tree.run('usr/bin/redis-server', args);
    const child = await startProcess({ command, args: all, logFile: join(dir, `${name}.log`) });
    started.push(child);
    return child;
  };
  const [masterPort, replicaPort, sentinelPort] = [await freePort(), await freePort(), await freePort()];
  const pem = join(dir, 'redis.pem');
  const tls = { 'tls-cert-file': pem, 'tls-key-file': pem, 'tls-ca-cert-file': pem, 'tls-auth-clients': 'no', 'tls-replication': 'yes' };
  const server = (name: string, port: number) =>
    flags({
      ...tls,
      port: '0',
      'tls-port': String(port),
      bind: '127.0.0.1',
      dir: join(dir, name),
      save: '',
      appendonly: 'yes',
      appendfsync: 'always',
    });

  const master = await start('master', server('master', masterPort));
  await start('replica', [...server('replica', replicaPort), '--replicaof', '127.0.0.1', String(masterPort)]);
  const watching = [
    ...Object.entries({ ...tls, port: '0', 'tls-port': String(sentinelPort), bind: '127.0.0.1', dir: join(dir, 'sentinel') }).map((pair) =>
      pair.join(' '),
    ),
    `sentinel monitor ${MASTER} 127.0.0.1 ${masterPort} 1`,
    `sentinel down-after-milliseconds ${MASTER} 1000`,
    `sentinel failover-timeout ${MASTER} 5000`,
  ];
  await writeFile(join(dir, 'sentinel.conf'), `${watching.join('\n')}\n`);
  await start('sentinel', [join(dir, 'sentinel.conf'), '--sentinel']);
  return {
    url: `rediss+sentinel://127.0.0.1:${sentinelPort}/${MASTER}`,
    authority,
    async killMaster() {
      process.kill(master.pid, 'SIGKILL');
      await master.ended;
    },
    async stop() {
      for (const child of started.reverse()) await child.stop(5_000);
    },
  };
}

function flags(settings: Record<string, string>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
}

/** Key and certificate in one file. */
async function makeCertificate(dir: string): Promise<string | undefined> {
  const file = join(dir, 'redis.pem');
  const subject = ['-subj', '/CN=redis of a test', '-addext', 'subjectAltName=IP:127.0.0.1'];
  try {
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', file, '-out', `${file}.crt`, ...subject],
      {
        stdio: 'ignore',
      },
    );
  } catch {
    return undefined;
  }
  const certificate = await readFile(`${file}.crt`, 'utf8');
  await writeFile(file, certificate, { flag: 'a' });
  return certificate;
}
