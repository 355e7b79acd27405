import type { RenderedMessage } from '../../src/alerts/render.ts';
import { ServiceError } from '../../src/errors.ts';

export const rendered: RenderedMessage = {
  id: 'm0123456789abcdef',
  subject: '[Ringfence] ElevenLabs can’t be used',
  text: 'What happened: it answered 503\n',
  telegram: 'ElevenLabs can’t be used _*[`<b>\n\nWhat happened: it answered 503',
  webhook: '{"type":"breaker-opened"}',
};

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

export interface Line {
  level: string;
  message: string;
}

/** A log that keeps what it is told. */
export function keptLog() {
  const lines: Line[] = [];
  const at = (level: string) => (_fields: unknown, message?: string) => void lines.push({ level, message: message ?? '' });
  return { lines, info: at('info'), warn: at('warn'), error: at('error') };
}
