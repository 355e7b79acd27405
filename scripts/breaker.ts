import { hostname, userInfo } from 'node:os';
import { parseArgs } from 'node:util';
import { type Config, loadConfig, readEnvFile } from '../src/config.ts';
import { UserError } from '../src/errors.ts';
import { connectRedisNow } from '../src/queue/redis.ts';
import { type BreakerStore, createBreakerStore } from '../src/resilience/breaker-store.ts';
import { openRedisServer } from '../src/wire-redis.ts';
import { breakerTable } from './breaker/table.ts';

const USAGE = `npm run breaker -- list
npm run breaker -- open SERVICE [WHY]
npm run breaker -- close SERVICE

Shows and sets the breakers of all workers on the Redis of REDIS_URL, from any machine.

  list     how every breaker stands
  open     nobody asks the service any more, until you close it: calls that need it wait and lose nothing
  close    it is asked again at once; when it still fails, its breaker opens again by itself

Exit code: 0 done, 1 Redis can't be reached or failed, 2 wrong arguments.`;

type Order = { act: 'help' } | { act: 'list' } | { act: 'open'; service: string; why: string } | { act: 'close'; service: string };

function readOrder(): Order {
  const { values, positionals } = parseCommandLine();
  const [act, service, ...why] = positionals;
  if (values.help) return { act: 'help' };
  if (act === undefined || act === 'list') return { act: 'list' };
  if (act !== 'open' && act !== 'close') throw new UserError(`"${act}" is none of list, open and close.\n\n${USAGE}`);
  if (service === undefined) throw new UserError(`Which service? npm run breaker -- list shows them.\n\n${USAGE}`);
  if (act === 'close') return { act, service };
  return { act, service, why: why.join(' ') || `opened by ${userInfo().username} on ${hostname()}` };
}

function parseCommandLine() {
  try {
    return parseArgs({ allowPositionals: true, options: { help: { type: 'boolean' } } });
  } catch (error) {
    throw new UserError(`${(error as Error).message}\n\n${USAGE}`);
  }
}

async function main(): Promise<number> {
  const order = readOrder();
  if (order.act === 'help') {
    console.log(USAGE);
    return 0;
  }
  readEnvFile();
  const config = loadConfig(['enqueue']);
  try {
    return await withStore(config, (store) => carryOut(order, store));
  } catch (error) {
    // Whatever was wrong with the words on the command line has been said by now.
    console.error(error instanceof Error ? error.message : error);
    return 1;
  }
}

async function withStore<T>(config: Config, use: (store: BreakerStore) => Promise<T>): Promise<T> {
  const server = await openRedisServer(config);
  try {
    const redis = await connectRedisNow(server.url);
    const processId = `${hostname()}-${process.pid}`;
    return await use(createBreakerStore({ redis, prefix: config.queuePrefix, processId })).finally(() => redis.quit());
  } finally {
    await server.stop();
  }
}

async function carryOut(order: Exclude<Order, { act: 'help' }>, store: BreakerStore): Promise<number> {
  const services = await store.services();
  if (order.act === 'list') {
    await list(store, services);
    return 0;
  }
  const { service } = order;
  if (!services.includes(service)) {
    const known = services.length === 0 ? 'No worker has run on this Redis yet, so it knows none' : `It knows ${services.join(', ')}`;
    console.error(`This Redis knows no service "${service}". ${known}. Nothing was changed.`);
    return 2;
  }
  if (order.act === 'open') {
    await store.open(service, { message: order.why, code: 'opened-by-hand', category: 'manual' }, 0);
    console.log(`${service} is not asked any more. To have it asked again: npm run breaker -- close ${service}`);
    return 0;
  }
  const closed = await store.close(service, 'any');
  console.log(closed === undefined ? `The breaker of ${service} was closed already.` : `${service} is asked again.`);
  return 0;
}

async function list(store: BreakerStore, services: readonly string[]): Promise<void> {
  if (services.length === 0) {
    console.log('There are no breakers yet: no worker has run on this Redis.');
    return;
  }
  const { records, now } = await store.look(services);
  const rows = await Promise.all(records.map(async (record) => ({ ...record, heldBack: await store.countHeldBack(record.service) })));
  console.log(breakerTable(rows, now));
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof UserError ? error.message : error);
  process.exitCode = error instanceof UserError ? 2 : 1;
}
