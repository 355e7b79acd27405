import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { createFaultSwitch, type Fault } from './faults.ts';
import { createSandboxApp, listenOnLoopback, type SandboxServer } from './sandbox-server.ts';

export interface GoogleSheetsSandboxOptions {
  /** The only spreadsheet that exists. */
  spreadsheetId?: string | undefined;
  port?: number | undefined;
}

export interface GoogleSheetsSandbox extends SandboxServer {
  readonly spreadsheetId: string;
  /** Whom the spreadsheet is shared with. */
  readonly account: { clientEmail: string; privateKey: string };
  /** The account as Google hands it out: the content of a key file. */
  readonly accountJson: string;
  /** The first sheet as somebody sees it who opens it. */
  readonly rows: (string | number | boolean)[][];
}

const refuse = (code: number, status: string, message: string, reason?: string): Extract<Fault, { kind: 'status' }> => ({
  kind: 'status',
  status: code,
  body: {
    error: {
      code,
      message,
      status,
      ...(reason && { details: [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason, domain: 'googleapis.com' }] }),
    },
  },
});

/** What Google says when it doesn't do what was asked, as faults to set. */
export const googleSheetsErrors = {
  perMinute429: refuse(429, 'RESOURCE_EXHAUSTED', "Quota exceeded for quota metric 'Write requests'.", 'RATE_LIMIT_EXCEEDED'),
  notShared403: refuse(403, 'PERMISSION_DENIED', 'The caller does not have permission'),
  apiDisabled403: refuse(403, 'PERMISSION_DENIED', 'Google Sheets API has not been used in this project.', 'SERVICE_DISABLED'),
  unauthenticated401: refuse(401, 'UNAUTHENTICATED', 'Request had invalid authentication credentials.'),
  badRange400: refuse(400, 'INVALID_ARGUMENT', 'Unable to parse range: Nowhere!A1'),
  full400: refuse(400, 'INVALID_ARGUMENT', 'This action would increase the number of cells above the limit of 10000000 cells.'),
  notFound404: refuse(404, 'NOT_FOUND', 'Requested entity was not found.'),
  internal500: refuse(500, 'INTERNAL', 'Internal error encountered.'),
  unavailable503: refuse(503, 'UNAVAILABLE', 'The service is currently unavailable.'),
  /** The trap of the double row: it was written, and says that it wasn't. */
  appliedThen502: { kind: 'apply-then-status', status: 502 },
} as const satisfies Record<string, Fault>;

const Append = z.object({ values: z.array(z.array(z.union([z.string().max(50_000), z.number(), z.boolean()]))).min(1) });

const SCOPE = 'https://www.googleapis.com/auth/spreadsheets';

/** Google Sheets in miniature: one spreadsheet with one sheet, to which rows can be added. */
export async function startGoogleSheetsSandbox({
  spreadsheetId = 'sandbox-spreadsheet',
  port,
}: GoogleSheetsSandboxOptions = {}): Promise<GoogleSheetsSandbox> {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    // It guards nothing. Google's have 2048, which take five times as long to find.
    modulusLength: 1024,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const clientEmail = 'ringfence@sandbox.iam.gserviceaccount.com';
  const rows: (string | number | boolean)[][] = [];
  const faults = createFaultSwitch({ presets: googleSheetsErrors });
  const app = createSandboxApp(faults);
  const send = (reply: FastifyReply, { status, body }: { status: number; body?: unknown }) => reply.code(status).send(body);

  app.addHook('onRequest', async (request, reply) => {
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    if (token === undefined || !isSigned(token, publicKey, clientEmail)) return send(reply, googleSheetsErrors.unauthenticated401);
    const [, id] = /^\/v4\/spreadsheets\/([^/?]+)/.exec(request.url) ?? [];
    if (decodeURIComponent(id ?? '') !== spreadsheetId) return send(reply, googleSheetsErrors.notFound404);
  });
  app.get('/v4/spreadsheets/:id', async () => ({ spreadsheetId }));
  app.get<{ Params: { range: string }; Querystring: { majorDimension?: string } }>(
    '/v4/spreadsheets/:id/values/:range',
    async ({ params, query }, reply) => {
      if (params.range !== 'A:A' || query.majorDimension !== 'COLUMNS') return send(reply, googleSheetsErrors.badRange400);
      const column = rows.map(([first = '']) => String(first));
      return { range: 'Sheet1!A:A', majorDimension: 'COLUMNS', ...(column.length > 0 && { values: [column] }) };
    },
  );
  // `A1:append`: for the router a colon begins a parameter.
  app.post<{ Params: { '*': string }; Querystring: { valueInputOption?: string } }>(
    '/v4/spreadsheets/:id/values/*',
    async ({ params, query, body }, reply) => {
      const parsed = Append.safeParse(body);
      if (params['*'] !== 'A1:append' || query.valueInputOption !== 'RAW' || !parsed.success)
        return send(reply, googleSheetsErrors.badRange400);
      const { values } = parsed.data;
      const first = rows.length + 1;
      rows.push(...values);
      const updatedRange = `Sheet1!A${first}:Z${rows.length}`;
      return { spreadsheetId, updates: { spreadsheetId, updatedRange, updatedRows: values.length } };
    },
  );

  const account = { clientEmail, privateKey };
  const accountJson = JSON.stringify({
    type: 'service_account',
    project_id: 'sandbox',
    client_email: clientEmail,
    private_key: privateKey,
  });
  return { ...(await listenOnLoopback(app, faults, port)), spreadsheetId, account, accountJson, rows };
}

/** Signed by the account itself, for this purpose, and not expired. */
function isSigned(token: string, publicKey: string, clientEmail: string): boolean {
  const [header = '', claims = '', signature = ''] = token.split('.');
  try {
    if (!verify('sha256', Buffer.from(`${header}.${claims}`), createPublicKey(publicKey), Buffer.from(signature, 'base64url')))
      return false;
    const { iss, scope, exp } = JSON.parse(Buffer.from(claims, 'base64url').toString()) as Record<string, unknown>;
    return iss === clientEmail && scope === SCOPE && typeof exp === 'number' && exp * 1000 > Date.now();
  } catch {
    return false;
  }
}
