import { ariTimestamp, asteriskId } from '../event-hub.ts';
import { type AriHandler, asRecord, done, type HandlerOptions, ok, refused } from './handler.ts';

/** Asterisk itself, applications, endpoints and playbacks. */
export function generalHandlers({
  hub,
  exchange,
  playbacks,
  endpoints,
  refusals,
  version,
  startedAt,
  modules,
}: HandlerOptions): Record<string, AriHandler> {
  const describeApplication = (name: string) => {
    const application = hub.find(name);
    const channels = exchange.all().filter((channel) => channel.app === name);
    return (
      application && {
        name,
        channel_ids: channels.map((channel) => channel.id),
        bridge_ids: [...new Set(channels.flatMap((channel) => channel.bridgeId ?? []))],
        endpoint_ids: [],
        events_allowed: application.allowed,
        events_disallowed: application.disallowed,
      }
    );
  };
  const describeEndpoint = (endpoint: string) => {
    const [technology = '', resource = ''] = endpoint.split('/');
    const of = exchange.all().filter((channel) => channel.name.startsWith(`${technology}/${resource}-`));
    const state = refusals.get(endpoint) === 'offline' ? 'offline' : 'online';
    return { technology, resource, state, channel_ids: of.map((channel) => channel.id) };
  };
  const sip = endpoints.filter((endpoint) => endpoint.startsWith('PJSIP/'));

  return {
    'asterisk.ping': () => ok({ ping: 'pong', timestamp: ariTimestamp(), asterisk_id: asteriskId }),
    'asterisk.getInfo': () =>
      ok({
        build: { os: 'Linux', kernel: 'unknown', machine: 'unknown', options: '', date: '2026-07-20 00:00:00 UTC', user: 'sandbox' },
        system: { version, entity_id: asteriskId },
        config: { name: '', default_language: 'en', setid: { user: '', group: '' } },
        status: { startup_time: startedAt(), last_reload_time: startedAt() },
      }),
    'asterisk.getModule': ({ params: { moduleName: name = '' } }) =>
      modules.includes(name)
        ? ok({ name, description: name, use_count: 0, status: 'Running', support_level: 'core' })
        : refused(404, 'Module could not be found in running modules'),
    'applications.list': () => ok(hub.all().map(({ name }) => describeApplication(name))),
    'applications.get': ({ params }) => {
      const application = describeApplication(params.applicationName ?? '');
      return application ? ok(application) : refused(404, 'Application not found');
    },
    'applications.filter': ({ params, body }) => {
      const application = hub.find(params.applicationName ?? '');
      if (!application) return refused(404, 'Application not found');
      // The filter may stand in the body by itself or, as ari-client sends it, under its parameter's name.
      const filter = asRecord(body.filter) ?? body;
      application.allowed = asTypes(filter.allowed);
      application.disallowed = asTypes(filter.disallowed);
      return ok(describeApplication(application.name));
    },
    'endpoints.list': () => ok(sip.map(describeEndpoint)),
    'endpoints.get': ({ params }) => {
      const endpoint = `${params.tech}/${params.resource}`;
      return sip.includes(endpoint) ? ok(describeEndpoint(endpoint)) : refused(404, 'Endpoint not found');
    },
    'playbacks.get': ({ params }) => {
      const playback = playbacks.get(params.playbackId ?? '');
      return playback ? ok(playback) : refused(404, 'Playback not found');
    },
    'playbacks.stop': ({ params }) => (playbacks.stop(params.playbackId ?? '') ? done : refused(404, 'Playback not found')),
  };
}

function asTypes(value: unknown): { type: string }[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((item) => {
    const type = asRecord(item)?.type;
    return typeof type === 'string' ? [{ type }] : [];
  });
}
