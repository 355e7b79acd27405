import { EventEmitter } from 'node:events';
import CircuitBreaker from 'opossum';
import type { BreakerPolicy } from './breaker-policy.ts';

/** Leave to send one request. It is worth nothing once the breaker has changed its state. */
export interface Leave {
  readonly trial: boolean;
}

export interface LocalBreakerOptions {
  policy: BreakerPolicy;
  /** The failures of this process were too many: it has just opened. */
  onOpened: () => void;
  /** The time for a trial has come. */
  onTrialDue: () => void;
}

/** A breaker as one process knows it. It decides; whom it belongs to and who is told is not its business. */
export interface LocalBreaker {
  readonly closed: boolean;
  /** Open for long enough that the service should be tried. */
  readonly trialDue: boolean;
  readonly trialRunning: boolean;
  /** Undefined while it isn't closed. */
  request(): Leave | undefined;
  /** Leave for the one trial, also before it is due. Undefined while closed or while another one runs. */
  trial(): Leave | undefined;
  /** What became of a request. Late news of a request begun before the last change of state is ignored. */
  succeeded(leave: Leave): Promise<void>;
  /** @param resetMs from now to the next trial, should it open. Milliseconds. */
  failed(leave: Leave, resetMs: number): Promise<void>;
  /** A trial that says nothing about the service. */
  undecided(leave: Leave): void;
  /** @param resetMs from now to the next trial. Milliseconds. */
  open(resetMs: number): void;
  close(): void;
  stop(): void;
}

const BUCKETS = 20;

/**
 * opossum holds the window, the threshold and the three states. It is fed with requests that have *ended*, for it would
 * count those under way and those refused as requests that went well, so that ten slow ones hide nine failures.
 * A trial is settled by its own hand: in half-open, opossum closes on an error that its filter lets pass and on the late
 * success of a request from before.
 */
export function createLocalBreaker({ policy, onOpened, onTrialDue }: LocalBreakerOptions): LocalBreaker {
  const rotate = new EventEmitter();
  // The last bucket goes as a whole, so the window needs one more to outlast what it must.
  const bucketMs = Math.ceil(policy.windowMs / (BUCKETS - 1));
  const options: CircuitBreaker.Options = {
    timeout: false,
    volumeThreshold: policy.volume,
    errorThresholdPercentage: policy.failurePercent,
    resetTimeout: policy.resetMs,
    rollingCountBuckets: BUCKETS,
    rollingCountTimeout: bucketMs * BUCKETS,
    rotateBucketController: rotate,
    // 50 us a failing request, for figures that nobody reads.
    rollingPercentilesEnabled: false,
    enableSnapshots: false,
  };
  const circuit = new CircuitBreaker(async (failed: boolean) => {
    if (failed) throw new Error('failed');
  }, options);
  const buckets = setInterval(() => rotate.emit('rotate'), bucketMs);
  buckets.unref();

  let failuresInRow = 0;
  let leaveOfNow: Leave = { trial: false };
  let trial: Leave | undefined;
  /** Set while the circuit is opened from outside, who knows already. */
  let toldBefore = false;
  const turn = () => {
    leaveOfNow = { trial: false };
    trial = undefined;
    failuresInRow = 0;
  };
  circuit.on('open', () => {
    turn();
    if (!toldBefore) onOpened();
  });
  circuit.on('halfOpen', onTrialDue);

  const quietly = (act: () => void) => {
    toldBefore = true;
    act();
    toldBefore = false;
  };
  const close = () => {
    circuit.close();
    // opossum keeps the window over a close, and the next failure would open it again.
    for (let i = 0; i < BUCKETS; i++) rotate.emit('rotate');
    turn();
  };
  const open = (resetMs: number) => {
    // opossum reads it from the options it was given, whenever it opens. It starts no new wait while it is open.
    options.resetTimeout = resetMs;
    quietly(() => {
      if (circuit.opened) circuit.close();
      circuit.open();
    });
  };
  const feed = async (failed: boolean) => {
    failuresInRow = failed ? failuresInRow + 1 : 0;
    if (failuresInRow >= policy.failuresInRow) circuit.open();
    else await circuit.fire(failed).catch(() => {});
  };

  return {
    get closed() {
      return circuit.closed;
    },
    get trialDue() {
      return circuit.halfOpen;
    },
    get trialRunning() {
      return trial !== undefined;
    },
    request: () => (circuit.closed ? leaveOfNow : undefined),
    trial() {
      if (circuit.closed || trial !== undefined) return undefined;
      trial = { trial: true };
      return trial;
    },
    async succeeded(leave) {
      if (leave === trial) close();
      else if (leave === leaveOfNow && circuit.closed) await feed(false);
    },
    async failed(leave, resetMs) {
      if (leave === trial) return open(resetMs);
      if (leave !== leaveOfNow || !circuit.closed) return;
      options.resetTimeout = resetMs;
      await feed(true);
    },
    undecided(leave) {
      if (leave === trial) trial = undefined;
    },
    open,
    close,
    stop() {
      clearInterval(buckets);
      circuit.shutdown();
    },
  };
}
