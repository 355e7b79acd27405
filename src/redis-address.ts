/** Where Redis is: one server, or a master that Sentinels know. */
export type RedisAddress =
  | { kind: 'server'; url: string }
  | {
      kind: 'sentinel';
      sentinels: { host: string; port: number }[];
      /** What the Sentinels call the master. */
      master: string;
      username: string | undefined;
      password: string | undefined;
      db: number;
      tls: boolean;
    };

const SENTINEL_PORT = 26_379;
const SENTINEL_FORM =
  /^redis(s?)\+sentinel:\/\/(?:([^:@/]*)(?::([^@/]*))?@)?((?:[^,:/@\s]+(?::\d{1,5})?,?)+)\/([^/?#\s]+)(?:\/(\d{1,3}))?$/;

/**
 * Reads `redis://…`, `rediss://…` (TLS), or `redis+sentinel://user:password@host:port,host:port/master/db`
 * (`rediss+sentinel` with TLS to all of them). User and password are those of Redis; Sentinels are asked without.
 * Undefined for anything else.
 */
export function parseRedisAddress(address: string): RedisAddress | undefined {
  if (/^rediss?:\/\//.test(address)) return URL.canParse(address) ? { kind: 'server', url: address } : undefined;
  const found = SENTINEL_FORM.exec(address);
  if (found === null) return undefined;
  const [, tls, username, password, hosts = '', master = '', db] = found;
  const sentinels = hosts
    .split(',')
    .filter((host) => host !== '')
    .map((host) => {
      const [name = '', port = String(SENTINEL_PORT)] = host.split(':');
      return { host: name, port: Number(port) };
    });
  const decoded = (text: string | undefined) => (text ? decodeURIComponent(text) : undefined);
  return {
    kind: 'sentinel',
    sentinels,
    master,
    username: decoded(username),
    password: decoded(password),
    db: Number(db ?? 0),
    tls: tls === 's',
  };
}

/** Hosts only: an address may hold a password. */
export function redisHosts(address: string): string {
  const parsed = parseRedisAddress(address);
  if (parsed === undefined) return 'not a valid address';
  if (parsed.kind === 'server') return new URL(parsed.url).host;
  return `${parsed.master} of Sentinels ${parsed.sentinels.map(({ host, port }) => `${host}:${port}`).join(', ')}`;
}

/** As it stands in the address and as Redis is told it: both may turn up in an error. */
export function redisPasswords(address: string): string[] {
  const parsed = parseRedisAddress(address);
  if (parsed?.kind === 'sentinel') return parsed.password === undefined ? [] : [parsed.password, encodeURIComponent(parsed.password)];
  const password = parsed === undefined ? '' : new URL(parsed.url).password;
  return password === '' ? [] : [password, decodeURIComponent(password)];
}
