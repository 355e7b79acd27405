import type { HealthReport, WorkerHealth } from './health-report.ts';
import { type Html, html } from './html.ts';
import type { ServiceHealth } from './service-health.ts';
import { STATUS_STYLE } from './status-style.ts';
import type { Watched } from './watch.ts';

/** Jobs a state, a queue. */
export type QueueCounts = Record<string, Record<string, number>>;

export interface StatusPage {
  health: HealthReport;
  queues: Watched<QueueCounts>;
  links: readonly { title: string; path: string }[];
  /** Unix milliseconds. */
  now: number;
}

/** Seconds. A human who watches an outage sees its end soon enough; a phone's battery lasts. */
const REFRESH_SECONDS = 5;

const QUEUE_STATES = ['active', 'waiting', 'delayed', 'completed', 'failed'] as const;

const HEADLINE = {
  healthy: 'Calls can be placed',
  degraded: 'Calls can be placed, and something is wrong',
  unhealthy: 'No call can be placed',
} as const satisfies Record<HealthReport['status'], string>;

/** The page for people: what `/health` says, and how much is waiting. Without a script, so that it shows what the server knows and nothing else. */
export function renderStatusPage({ health, queues, links, now }: StatusPage): string {
  const { status, dependencies, reasons, asOf } = health;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="${REFRESH_SECONDS}">
<title>${status} · Ringfence</title>
<link rel="icon" href="data:,">
<style>${STATUS_STYLE}</style>
</head>
<body>
<header><h1>Ringfence</h1><nav>${links.map(({ title, path }) => html`<a href="${path}">${title}</a>`)}</nav></header>
<main>
<section class="verdict ${status}"><h2>${HEADLINE[status]}</h2><ul>${reasons.map((reason) => html`<li>${reason}</li>`)}</ul></section>
<section><h2>Connections</h2><dl>${connections(dependencies)}</dl></section>
<section><h2>Services</h2>${services(dependencies.services, now)}</section>
<section><h2>Workers</h2>${workers(dependencies.workers, now)}</section>
<section><h2>Queues</h2>${queueTable(queues, now)}</section>
</main>
<footer>${new Date(now).toISOString()}${asOf === undefined ? '' : `, workers as of ${ago(asOf, now)}`}. Looks again every ${REFRESH_SECONDS} s.</footer>
</body>
</html>`.html;
}

function connections({ ari, audiosocket, ai_provider, redis }: HealthReport['dependencies']): Html[] {
  const named = { Asterisk: ari, AudioSocket: audiosocket, 'AI services': ai_provider, Redis: redis };
  return Object.entries(named).map(([name, word]) => html`<div><dt>${name}</dt><dd>${badge(word)}</dd></div>`);
}

function services(all: Record<string, ServiceHealth>, now: number): Html {
  const rows = Object.entries(all).map(
    ([service, { state, since, lastError, seenBy }]) => html`<tr><th scope="row">${service}</th>
<td>${badge(state)}</td><td class="time">${since === undefined ? '' : ago(since, now)}</td>
<td>${lastError === undefined ? '' : `${lastError.code}: ${lastError.message}`}${seenBy === undefined ? '' : ` (seen by ${seenBy.join(', ')})`}</td></tr>`,
  );
  return table(['Service', 'Breaker', 'Since', 'Last error'], rows, 'No worker has told of a service yet.');
}

function workers(all: readonly WorkerHealth[], now: number): Html {
  const rows = all.map((worker) => {
    if (worker.state === 'lost')
      return html`<tr><th scope="row">${worker.name}</th><td>${badge('lost')}</td><td>last heard of ${ago(worker.lastSeenAt, now)}</td><td></td><td></td></tr>`;
    const { name, state, roles, startedAt, activeCalls, ari } = worker;
    return html`<tr><th scope="row">${name}</th><td>${badge(state)}</td><td>${roles.join(', ')}, started ${ago(startedAt, now)}</td>
<td data-head="Asterisk">${ari === undefined ? '' : badge(ari.state)}</td><td class="number" data-head="calls">${roles.includes('call') ? activeCalls : ''}</td></tr>`;
  });
  return table(['Worker', 'State', 'Does', 'Asterisk', 'Calls'], rows, 'None.');
}

function queueTable({ value, readAt, failed }: Watched<QueueCounts>, now: number): Html {
  const rows = Object.entries(value ?? {}).map(
    ([name, counts]) =>
      html`<tr><th scope="row">${name}</th>${QUEUE_STATES.map((state) => html`<td class="number" data-head="${state}">${counts[state] ?? 0}</td>`)}</tr>`,
  );
  const old = readAt !== undefined && (failed || now - readAt > OLD_AFTER_MS);
  return html`${old ? html`<p>Counted ${ago(readAt, now)}: Redis does not answer.</p>` : undefined}${table(['Queue', ...QUEUE_STATES], rows, 'Not counted yet.')}`;
}

/** Milliseconds. */
const OLD_AFTER_MS = 10_000;

function table(heads: readonly string[], rows: readonly Html[], none: string): Html {
  if (rows.length === 0) return html`<p>${none}</p>`;
  return html`<div class="wide"><table><thead><tr>${heads.map((head) => html`<th scope="col">${head}</th>`)}</tr></thead><tbody>${rows}</tbody></table></div>`;
}

const GOOD = ['connected', 'listening', 'closed', 'running'];
const BAD = ['disconnected', 'open', 'lost', 'replaced', 'stale'];

function badge(word: string): Html {
  const colour = GOOD.includes(word) ? 'good' : BAD.includes(word) ? 'bad' : word === 'disabled' ? 'off' : 'middling';
  return html`<span class="badge ${colour}">${word}</span>`;
}

/** `3 min ago`. */
function ago(at: string | number, now: number): string {
  const seconds = Math.max(0, Math.round((now - new Date(at).getTime()) / 1000));
  if (seconds < 90) return `${seconds} s ago`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} days ago`;
}
