import { expect, it } from 'vitest';
import { createLogger } from '../src/logger.ts';

function logged(log: (logger: ReturnType<typeof createLogger>) => void): string {
  let lines = '';
  log(createLogger({ level: 'info', secrets: ['s3cr"t-key', 'pass word'], write: (line) => (lines += line) }));
  return lines;
}

it('a phone number is masked wherever it stands in a line', () => {
  const line = logged((logger) => logger.warn({ contact: { phone: '+12025550123' } }, 'dialling PJSIP/+12025550123@trunk failed'));
  expect(line).not.toContain('+12025550123');
  expect(line.match(/\+12025••••23/g)).toHaveLength(2);
});

it('a secret is blacked out, also in an error, in JSON and in an address', () => {
  const line = logged((logger) => logger.error(new Error('GET /?k=pass%20word with s3cr"t-key and bot123456:AAAAAAAAAAAAAAAAAAAAAAAAA')));
  expect(line).not.toContain('pass%20word');
  expect(line).not.toContain('s3cr');
  expect(line).not.toContain('AAAAAAAA');
});
