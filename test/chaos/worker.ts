import { flushCompileCache } from 'node:module';
import { runWorker } from '../../workers/run-worker.ts';

// The worker under test: the product as it is, calling and delivering in one process.
await runWorker(['call', 'delivery']);
// Those that come after it start faster; this one will hardly come to an orderly exit.
flushCompileCache();
