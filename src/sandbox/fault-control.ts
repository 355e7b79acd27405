import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { z } from 'zod';
import type { Fault, FaultSwitch } from './faults.ts';

const count = z.number().nonnegative();
const Status = z.number().int().min(200).max(599);

const FaultShape = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('status'),
    status: Status,
    body: z.unknown().optional(),
    headers: z.record(z.string(), z.string()).optional(),
  }),
  z.object({ kind: z.literal('hang') }),
  z.object({ kind: z.literal('reset'), when: z.enum(['before-headers', 'after-headers', 'in-body']) }),
  z.object({ kind: z.literal('stall'), afterBytes: count }),
  z.object({ kind: z.literal('drip'), bytesPerSecond: z.number().positive() }),
  z.object({ kind: z.literal('truncate'), afterBytes: count }),
  z.object({ kind: z.literal('lie'), body: z.string(), contentType: z.string().optional() }),
  z.object({ kind: z.literal('apply-then-status'), status: Status }),
]);

const Order = z.object({
  fault: FaultShape.optional(),
  preset: z.string().optional(),
  path: z.string().max(500).optional(),
  times: z.number().int().positive().optional(),
});

/** `/sandbox/fault` and `/sandbox/requests`: how another process makes a sandbox server ill, and learns what it saw. */
export function answerControl(
  faults: FaultSwitch,
  presets: Readonly<Record<string, Fault>>,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  obey(faults, presets, request).then(
    (answer) => reply(response, 200, answer),
    (error: unknown) => reply(response, 400, { error: error instanceof z.ZodError ? z.prettifyError(error) : String(error) }),
  );
}

async function obey(faults: FaultSwitch, presets: Readonly<Record<string, Fault>>, request: IncomingMessage): Promise<unknown> {
  const route = `${request.method} ${request.url}`;
  if (route === 'GET /sandbox/requests') return faults.requests;
  if (route === 'PUT /sandbox/fault') {
    const order = Order.parse(JSON.parse(await text(request)));
    const fault = order.preset === undefined ? (order.fault as Fault | undefined) : presets[order.preset];
    if (!fault) throw new RangeError(`no such fault; by name there are: ${Object.keys(presets).join(', ') || 'none'}`);
    faults.set(fault, { path: order.path === undefined ? undefined : new RegExp(order.path), times: order.times });
  } else if (route === 'DELETE /sandbox/fault') faults.clear();
  else if (route !== 'GET /sandbox/fault') throw new RangeError(`no such control: ${route}`);
  return faults.active.map(({ fault, path, times }) => ({ fault, path: path?.source, times: Number.isFinite(times) ? times : undefined }));
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
