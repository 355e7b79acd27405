import ariClient from 'ari-client';
import { describe, expect, it } from 'vitest';
import { loadPeople } from '../../../src/sandbox/people/people.ts';
import { start, until } from './ari.ts';

describe('the real ari-client', () => {
  it('connects to the sandbox Asterisk and carries a call from create to hang-up', async () => {
    const people = loadPeople();
    const { asterisk } = await start({ people });
    const client = await ariClient.connect(asterisk.url, asterisk.username, asterisk.password);
    const seen: string[] = [];
    (client as unknown as NodeJS.EventEmitter).on('*', (event: { type: string }) => seen.push(event.type));
    await client.start('with-client');
    try {
      await client.applications.filter({ applicationName: 'with-client', filter: { disallowed: [{ type: 'ChannelVarset' }] } });
      const wanted = {
        endpoint: `PJSIP/${people.byRole('says-nothing').number}@trunk`,
        app: 'with-client',
        channelId: 'x',
        // Its types don't know that create takes variables; its code does.
        variables: { 'TIMEOUT(absolute)': '30', CAMPAIGN: 'spring' },
      };
      await client.channels.create(wanted);
      expect(asterisk.channels()).toMatchObject([{ id: 'x', state: 'Down' }]);
      await until(() => seen.includes('StasisStart'));
      expect(await client.channels.getChannelVar({ channelId: 'x', variable: 'CAMPAIGN' })).toEqual({ value: 'spring' });
      await client.channels.dial({ channelId: 'x', timeout: 5 });
      await until(() => asterisk.channels()[0]?.state === 'Up');
      const bridge = await client.bridges.create({ type: 'mixing' });
      await client.bridges.addChannel({ bridgeId: bridge.id, channel: 'x' });
      await expect(client.channels.get({ channelId: 'nobody' })).rejects.toThrow(/Channel not found/);
      await client.channels.hangup({ channelId: 'x' });
      await until(() => seen.includes('ChannelDestroyed'));
      await client.bridges.destroy({ bridgeId: bridge.id });
      expect(seen).toContain('ChannelEnteredBridge');
      expect(seen).not.toContain('ChannelVarset');
      expect(asterisk.channels()).toEqual([]);
    } finally {
      client.stop();
    }
  });
});
