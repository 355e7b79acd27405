/**
 * Asks an Asterisk whether it is ready. Only a 200 is: while it boots, connections are refused, then it says 404, then 503.
 * `failure` says in a human's words why not.
 */
export async function askAsterisk(ari: {
  url: string;
  username: string;
  password: string;
}): Promise<{ version: string } | { failure: string; status?: number }> {
  const headers = { authorization: `Basic ${Buffer.from(`${ari.username}:${ari.password}`).toString('base64')}` };
  const get = (path: string) =>
    fetch(new URL(`ari/asterisk/${path}`, `${ari.url.replace(/\/$/, '')}/`), { headers, signal: AbortSignal.timeout(5_000) });
  try {
    const ping = await get('ping');
    await ping.body?.cancel();
    if (ping.status !== 200)
      return { failure: `it answers ${ping.status}${ping.status === 401 ? ' (wrong user or password)' : ''}`, status: ping.status };
    const info = (await (await get('info')).json()) as { system?: { version?: string } };
    return { version: info.system?.version ?? 'unknown' };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return { failure: (cause as NodeJS.ErrnoException).code ?? (cause instanceof Error ? cause.message : String(cause)) };
  }
}
