/** What can be done with the callee's line besides talking over it. Only while it is answered. */
export interface CallLine {
  /** Presses keys, to be heard at the far end; `w` is a pause of half a second. Resolves when they are through. Rejects with a ServiceError. */
  sendDtmf(keys: string): Promise<void>;
  /** Rings a colleague and lets them and the callee hear each other. Never rejects. */
  transfer(wish: TransferWish): Promise<TransferResult>;
}

export interface TransferWish {
  /** One of the campaign's. */
  target: string;
  /** Played to the colleague alone, before the callee is there: PCM at the leg's rate. Undefined: they are put together at once. */
  announcement: Promise<Buffer | undefined> | undefined;
  /** Aborts when it is not wanted any more: their phone stops ringing. */
  signal: AbortSignal;
}

export type TransferResult =
  /** From here on they talk to each other. */
  | { kind: 'connected' }
  /** Nobody else is on the line. */
  | { kind: 'unreached'; reason: string };
