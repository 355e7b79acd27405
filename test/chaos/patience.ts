import { cpus, loadavg } from 'node:os';

/** However busy the machine is: what takes longer than this many times its time is stuck. */
const MOST = 6;

/** `ms`, which is enough while no more than two processes wait for each core; on a busier machine so much longer. */
export function patience(ms: number): number {
  const crowd = (loadavg()[0] ?? 0) / (2 * cpus().length);
  return ms * Math.min(MOST, Math.max(1, crowd));
}
