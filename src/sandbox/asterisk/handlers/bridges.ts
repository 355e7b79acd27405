import type { Channel } from '../channel.ts';
import { type AriHandler, done, type HandlerOptions, notInStasis, ok, refused } from './handler.ts';

const noBridge = refused(404, 'Bridge not found');

export function bridgeHandlers({ exchange }: HandlerOptions): Record<string, AriHandler> {
  const { bridges } = exchange;
  const create: AriHandler = ({ params }) => {
    const bridge = bridges.create({ id: params.bridgeId, name: params.name, type: params.type });
    return bridge ? ok(bridge) : refused(409, `Bridge with id '${params.bridgeId}' already exists`);
  };
  /** Every channel named is looked at before any is moved. */
  const move =
    (change: (bridgeId: string, channel: Channel) => void): AriHandler =>
    ({ params }) => {
      const { bridgeId = '', channel: named = '' } = params;
      if (!bridges.has(bridgeId)) return noBridge;
      const channels = named.split(',').map((id) => exchange.get(id));
      const found = channels.filter((channel) => channel !== undefined);
      if (found.length < channels.length) return refused(400, 'Channel not found');
      if (found.some((channel) => !channel.inStasis)) return notInStasis(422);
      for (const channel of found) change(bridgeId, channel);
      return done;
    };

  return {
    'bridges.list': () => ok(bridges.all()),
    'bridges.create': create,
    'bridges.createWithId': create,
    'bridges.get': ({ params }) => {
      const bridge = bridges.get(params.bridgeId ?? '');
      return bridge ? ok(bridge) : noBridge;
    },
    'bridges.destroy': ({ params }) => (bridges.destroy(params.bridgeId ?? '') ? done : noBridge),
    'bridges.addChannel': move((bridgeId, channel) => bridges.enter(bridgeId, channel)),
    'bridges.removeChannel': (request) => {
      const inside = (request.params.channel ?? '').split(',').every((id) => {
        const channel = exchange.get(id);
        return !channel?.inStasis || channel.bridgeId === request.params.bridgeId;
      });
      if (bridges.has(request.params.bridgeId ?? '') && !inside) return refused(422, 'Channel not in this bridge');
      return move((_, channel) => bridges.leave(channel))(request);
    },
  };
}
