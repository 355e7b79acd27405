/** A service that can be asked whether it is there and lets us in, for free. */
export interface Probed {
  /** Resolves when the control plane answers and the key is good; throws a ServiceError, or the signal's reason. */
  probe(signal: AbortSignal): Promise<void>;
}
