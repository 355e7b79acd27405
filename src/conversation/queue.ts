/** What is pushed is read in its order, at the reader's leisure. Ends once it was closed and read, or nobody reads it any more. */
export interface Queue<T> {
  readonly stream: ReadableStream<T>;
  push(item: T): void;
  close(): void;
  /** What wasn't read yet is dropped. */
  fail(error: unknown): void;
}

export function createQueue<T>(): Queue<T> {
  let controller: ReadableStreamDefaultController<T> | undefined;
  const stream = new ReadableStream<T>({
    start(own) {
      controller = own;
    },
    cancel() {
      controller = undefined;
    },
  });
  const done = (finish: (own: ReadableStreamDefaultController<T>) => void) => {
    if (controller) finish(controller);
    controller = undefined;
  };
  return {
    stream,
    push: (item) => controller?.enqueue(item),
    close: () => done((own) => own.close()),
    fail: (error) => done((own) => own.error(error)),
  };
}
