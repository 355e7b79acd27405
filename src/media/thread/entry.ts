import { parentPort, workerData } from 'node:worker_threads';
import type { ThreadData } from './messages.ts';
import { serveMedia } from './serve-media.ts';

/** What the media thread runs. In any other thread there is no such port. */
if (parentPort) serveMedia(parentPort, { ...(workerData as ThreadData) });
