export { ABSOLUTE_TIMEOUT_MS, RENEW_EVERY_MS } from '../../../src/telephony/dead-mans-switch.ts';

/** No timeout: a channel lives until somebody hangs up. */
export function absoluteTimeout(): Record<string, string> {
  return {};
}

export function holdDeadMansSwitch(): () => void {
  return () => undefined;
}
