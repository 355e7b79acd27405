/** What a sandbox server can be told to do wrong while it runs. */
export type Fault =
  | { kind: 'status'; status: number; body?: unknown; headers?: Record<string, string> }
  /** Takes the request and never answers. */
  | { kind: 'hang' }
  /** TCP reset: before the headers, right after them, or in the body. */
  | { kind: 'reset'; when: 'before-headers' | 'after-headers' | 'in-body' }
  /** Headers and the first `afterBytes` of the body, then nothing more, with the connection left open. */
  | { kind: 'stall'; afterBytes: number }
  /** The body, slowly. */
  | { kind: 'drip'; bytesPerSecond: number }
  /** The body ends early, quietly, with a clean end of stream. */
  | { kind: 'truncate'; afterBytes: number }
  /** Answers 200 with something else than what was asked for. */
  | { kind: 'lie'; body: string; contentType?: string }
  /** Does what was asked (writes), then answers with this status. */
  | { kind: 'apply-then-status'; status: number };
