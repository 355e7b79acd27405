import { mediaFormats } from '../media-legs.ts';
import { type AriAnswer, type AriRequest, asStrings, type HandlerOptions, ok, refused } from './handler.ts';

const internalError = refused(500, 'An internal error prevented this request from being handled');

export function createExternalMedia(options: HandlerOptions, request: AriRequest): AriAnswer | Promise<AriAnswer> {
  const { exchange, legs, modules, onCrash } = options;
  const { params, body } = request;
  if (params.transport !== 'websocket') return createAudioSocket(options, request);
  if (!modules.includes('chan_websocket.so')) return internalError;
  if (params.external_host !== 'INCOMING' || !Object.hasOwn(mediaFormats, params.format ?? '')) {
    return refused(400, 'external_host must be a valid websocket_client connection id.');
  }
  if (params.channelId !== undefined && exchange.get(params.channelId)) {
    onCrash();
    return { status: 500 };
  }
  const wanted = { id: params.channelId, app: params.app ?? '', variables: asStrings(body.variables) };
  return ok(legs.create(wanted, params.format ?? ''));
}

/** Asterisk connects to us before it answers. */
async function createAudioSocket({ exchange, audioSockets, modules }: HandlerOptions, { params, body }: AriRequest): Promise<AriAnswer> {
  const { external_host: address = '', data = '', format = '', channelId } = params;
  if (!/:\d+$/.test(address)) return refused(400, 'external_host must be <host>:<port> for all transports other than websocket');
  if (params.connection_type === 'server') return refused(400, "'server' connection_type can only be used with the websocket transport");
  if (data === '') return refused(400, 'data can not be empty');
  const served = params.transport === 'tcp' && params.encapsulation === 'audiosocket' && modules.includes('chan_audiosocket.so');
  if (!served || !Object.hasOwn(mediaFormats, format)) return internalError;
  if (channelId !== undefined && exchange.get(channelId)) return refused(409, 'Channel with given unique ID already exists');
  const wanted = { id: channelId, app: params.app ?? '', variables: asStrings(body.variables) };
  const made = await audioSockets.create(wanted, format, address, data);
  return made ? ok(made) : internalError;
}
