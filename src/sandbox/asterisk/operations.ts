export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** One operation of Asterisk's REST interface that this sandbox knows: served, and described in its api-docs. */
export interface Operation {
  resource: 'asterisk' | 'applications' | 'channels' | 'bridges' | 'endpoints' | 'playbacks' | 'events';
  /** What `ari-client` calls it. */
  nickname: string;
  method: HttpMethod;
  path: string;
  returns: string;
  query?: readonly string[];
  /** Query parameters without which Asterisk answers 400. */
  required?: readonly string[];
  body?: string;
}

const op = (
  resource: Operation['resource'],
  nickname: string,
  method: HttpMethod,
  path: string,
  returns: string,
  extra: Pick<Operation, 'query' | 'required' | 'body'> = {},
): Operation => ({ resource, nickname, method, path, returns, ...extra });

/** Order matters where a fixed word and a parameter share a place: the fixed word comes first. */
export const operations: readonly Operation[] = [
  op('asterisk', 'ping', 'GET', '/asterisk/ping', 'AsteriskPing'),
  op('asterisk', 'getInfo', 'GET', '/asterisk/info', 'AsteriskInfo', { query: ['only'] }),
  op('asterisk', 'getModule', 'GET', '/asterisk/modules/{moduleName}', 'Module'),

  op('applications', 'list', 'GET', '/applications', 'List[Application]'),
  op('applications', 'get', 'GET', '/applications/{applicationName}', 'Application'),
  op('applications', 'filter', 'PUT', '/applications/{applicationName}/eventFilter', 'Application', { body: 'filter' }),

  op('channels', 'list', 'GET', '/channels', 'List[Channel]'),
  op('channels', 'create', 'POST', '/channels/create', 'Channel', {
    query: ['endpoint', 'app', 'appArgs', 'channelId', 'otherChannelId', 'originator', 'formats'],
    required: ['endpoint', 'app'],
    body: 'variables',
  }),
  op('channels', 'externalMedia', 'POST', '/channels/externalMedia', 'Channel', {
    query: [
      'channelId',
      'app',
      'external_host',
      'encapsulation',
      'transport',
      'connection_type',
      'format',
      'direction',
      'data',
      'transport_data',
    ],
    required: ['app', 'format'],
    body: 'variables',
  }),
  op('channels', 'get', 'GET', '/channels/{channelId}', 'Channel'),
  op('channels', 'hangup', 'DELETE', '/channels/{channelId}', 'void', { query: ['reason_code', 'reason'] }),
  op('channels', 'answer', 'POST', '/channels/{channelId}/answer', 'void'),
  op('channels', 'dial', 'POST', '/channels/{channelId}/dial', 'void', { query: ['caller', 'timeout'] }),
  op('channels', 'sendDTMF', 'POST', '/channels/{channelId}/dtmf', 'void', { query: ['dtmf', 'before', 'between', 'duration', 'after'] }),
  op('channels', 'play', 'POST', '/channels/{channelId}/play', 'Playback', {
    query: ['media', 'lang', 'offsetms', 'skipms', 'playbackId'],
    required: ['media'],
  }),
  op('channels', 'getChannelVar', 'GET', '/channels/{channelId}/variable', 'Variable', { query: ['variable'], required: ['variable'] }),
  op('channels', 'setChannelVar', 'POST', '/channels/{channelId}/variable', 'void', {
    query: ['variable', 'value'],
    required: ['variable'],
  }),

  op('bridges', 'list', 'GET', '/bridges', 'List[Bridge]'),
  op('bridges', 'create', 'POST', '/bridges', 'Bridge', { query: ['type', 'bridgeId', 'name'] }),
  op('bridges', 'get', 'GET', '/bridges/{bridgeId}', 'Bridge'),
  op('bridges', 'createWithId', 'POST', '/bridges/{bridgeId}', 'Bridge', { query: ['type', 'name'] }),
  op('bridges', 'destroy', 'DELETE', '/bridges/{bridgeId}', 'void'),
  op('bridges', 'addChannel', 'POST', '/bridges/{bridgeId}/addChannel', 'void', { query: ['channel', 'role'], required: ['channel'] }),
  op('bridges', 'removeChannel', 'POST', '/bridges/{bridgeId}/removeChannel', 'void', { query: ['channel'], required: ['channel'] }),

  op('endpoints', 'list', 'GET', '/endpoints', 'List[Endpoint]'),
  op('endpoints', 'get', 'GET', '/endpoints/{tech}/{resource}', 'Endpoint'),

  op('playbacks', 'get', 'GET', '/playbacks/{playbackId}', 'Playback'),
  op('playbacks', 'stop', 'DELETE', '/playbacks/{playbackId}', 'void'),

  // Only described: the event socket is an upgrade, not a request.
  op('events', 'eventWebsocket', 'GET', '/events', 'Message', { query: ['app', 'subscribeAll'], required: ['app'] }),
];
