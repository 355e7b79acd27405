import { parentPort } from 'node:worker_threads';
import { serveMedia } from './serve-media.ts';

/** What the media thread runs. In any other thread there is no such port. */
if (parentPort) serveMedia(parentPort);
