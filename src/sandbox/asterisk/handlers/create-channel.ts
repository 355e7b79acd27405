import { type AriAnswer, type AriRequest, asStrings, type HandlerOptions, ok, refused } from './handler.ts';

/** `PJSIP/<number>@<trunk>` or `Local/<extension>@<context>`. */
const dialStringPattern = /^(PJSIP|Local)\/([^@/]+)@([^@/]+)$/;
let channelSerial = 0;

export function createChannel({ exchange, endpoints, refusals, stasisDelayMs }: HandlerOptions, { params, body }: AriRequest): AriAnswer {
  const [, technology, , place] = dialStringPattern.exec(params.endpoint ?? '') ?? [];
  const endpoint = `${technology}/${place}`;
  if ((technology !== 'PJSIP' && technology !== 'Local') || !endpoints.includes(endpoint) || refusals.get(endpoint) === 'offline') {
    // The real one says `error` here, and only here.
    return { status: 500, body: { error: 'Allocation failed' } };
  }
  const dialString = (params.endpoint ?? '').slice(technology.length + 1);
  const serial = (channelSerial++).toString(16).padStart(8, '0');
  const channel = exchange.create({
    id: params.channelId,
    technology,
    name: technology === 'PJSIP' ? `PJSIP/${place}-${serial}` : `Local/${dialString}-${serial};1`,
    app: params.app ?? '',
    appArgs: params.appArgs ?? '',
    dialString,
    context: technology === 'PJSIP' ? 'from-trunk' : (place ?? ''),
    variables: asStrings(body.variables),
  });
  if (!channel) return refused(409, 'Channel with given unique ID already exists');
  channel.after(stasisDelayMs, () => exchange.enterStasis(channel));
  return ok(channel.snapshot());
}
