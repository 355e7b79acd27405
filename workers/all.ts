import { runWorker } from './run-worker.ts';

await runWorker(['call', 'health', 'delivery', 'web']);
