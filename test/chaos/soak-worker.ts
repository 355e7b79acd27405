import { readdirSync } from 'node:fs';
import { BroadcastChannel } from 'node:worker_threads';
import { startApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';
import { createLogger } from '../../src/logger.ts';
import { gaugesOfThisThread, type Question, type ThreadGauges } from './gauges.ts';
import { GAUGES_CHANNEL } from './soak-thread.ts';

export interface Gauges {
  main: ThreadGauges;
  /** The thread in which audio lives. */
  media: ThreadGauges;
  /** Of the whole process, as the operating system counts it. Bytes. */
  resident: number;
  /** Files and sockets that the process has open, by the operating system's count too. */
  descriptors: number;
}

// A worker that tells what it holds whenever it is asked over its IPC channel.
const roles = ['call', 'delivery'] as const;
const config = loadConfig(roles);
const app = await startApp(config, roles, createLogger({ level: config.logLevel, secrets: config.secrets }));

const channel = new BroadcastChannel(GAUGES_CHANNEL);
channel.unref();

function askMediaThread(question: Question): Promise<ThreadGauges> {
  return new Promise((resolve) => {
    channel.onmessage = ({ data }: { data: ThreadGauges }) => resolve(data);
    channel.postMessage(question);
  });
}

process.on('message', async (question: Question) => {
  const [media, main] = [await askMediaThread(question), gaugesOfThisThread(question)];
  const resident = process.memoryUsage.rss();
  process.send?.({ main, media, resident, descriptors: readdirSync('/proc/self/fd').length } satisfies Gauges);
});
process.once('disconnect', () => void app.stop().then(() => process.exit(0)));
process.send?.('ready');
