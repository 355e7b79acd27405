import { ServiceError } from '../../src/errors.ts';

export async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const part of stream) all.push(part);
  return all;
}

/** The ServiceError that the work ends in; anything else fails the test. */
export async function failureOf(work: Promise<unknown>): Promise<ServiceError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof ServiceError) return error;
    throw new Error('it failed, but not with a ServiceError', { cause: error });
  }
  throw new Error('it succeeded');
}
