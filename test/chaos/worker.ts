import { flushCompileCache } from 'node:module';
import type { WorkerRole } from '../../src/app.ts';
import { runWorker } from '../../workers/run-worker.ts';

// The worker under test: the product as it is, several roles in one process.
await runWorker(process.argv.slice(2) as WorkerRole[]);
// Those that come after it start faster; this one will hardly come to an orderly exit.
flushCompileCache();
