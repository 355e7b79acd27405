/*
 * A process of its own with breakers, for tests of what several of them do together. It is told what to do, and answers,
 * over the channel of its parent: { send: n } sends n requests one after the other, { state: true } only asks.
 */
import { Redis } from 'ioredis';
import { serviceError } from '../../src/errors.ts';
import { breakerPolicy } from '../../src/resilience/breaker-policy.ts';
import { createBreakers } from '../../src/resilience/breakers.ts';

const [redisUrl = '', prefix = '', serviceUrl = '', probes = '', deadline = ''] = process.argv.slice(2);
const deadlineMs = Number(deadline);
const service = 'openai:language-model';

/** As the clients of services do: whatever goes wrong is an error that says what. */
async function ask(path: string, signal: AbortSignal): Promise<string> {
  const failed = (code: string) => serviceError(`failed: ${code}`, { service, code, category: 'transient' });
  const response = await fetch(`${serviceUrl}${path}`, { signal, keepalive: false }).catch(() => Promise.reject(failed('no-answer')));
  if (!response.ok) throw failed(`http-${response.status}`);
  return response.text();
}

const redis = new Redis(redisUrl, { maxRetriesPerRequest: null });
redis.on('error', () => {});
const breakers = createBreakers({
  services: {
    [service]: {
      policy: { ...breakerPolicy(deadlineMs), resetMs: 200 },
      ...(probes === 'probes' ? { dataPlane: (signal: AbortSignal) => ask('/probe', signal) } : {}),
    },
  },
  redis,
  prefix,
  syncEveryMs: 50,
  onChange: (change) => void process.send?.({ change }),
  log: { info() {}, warn() {}, error() {} },
});
await breakers.start();

process.on('message', async ({ id, send = 0 }: { id: number; send?: number }) => {
  const results: string[] = [];
  const breaker = breakers.of(service);
  for (let i = 0; i < send; i++) {
    const request = () => ask('/request', AbortSignal.timeout(deadlineMs));
    results.push(await breaker.run(request, { deadlineMs }).catch((error: { code?: string }) => error.code ?? String(error)));
  }
  process.send?.({ id, results, state: breaker.state, scope: breaker.scope, since: breaker.since });
});
process.on('disconnect', () => process.exit());
process.send?.({ ready: true });
