import type { Alert } from './alert.ts';

const RUNBOOK = 'docs/operations.md';

/** The runbook's section for an alert: the anchor of a heading in docs/operations.md. */
export function runbookSection(alert: Alert): string {
  if (alert.kind !== 'breaker-opened') return alert.kind;
  if (alert.trunk) return 'a-trunk-refuses-calls';
  if (alert.category === 'auth') return 'credentials-refused';
  if (alert.category === 'quota') return 'quota-used-up';
  if (alert.category === 'manual') return 'opening-and-closing-a-breaker-by-hand';
  return alert.service === 'asterisk' ? 'cannot-connect-to-asterisk' : 'breaker-opened';
}

/** @param runbookUrl where this installation publishes docs/operations.md, if it does. */
export function runbookLink(alert: Alert, runbookUrl: string | undefined): string {
  return `${runbookUrl?.replace(/#.*$/, '') ?? RUNBOOK}#${runbookSection(alert)}`;
}
