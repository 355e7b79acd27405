import { describe, expect, it } from 'vitest';
import type { TransferRules } from '../../src/call/campaign.ts';
import type { CallLine, TransferResult, TransferWish } from '../../src/conversation/call-line.ts';
import { sleep } from '../../src/sleep.ts';
import { type CallOptions, placeCall } from './telephone/place-call.ts';
import { callsTool, says } from './telephone/scripts.ts';
import { driveTheClock, rule, toItsEnd } from './telephone/talk.ts';

const transfer: TransferRules = {
  ringTimeoutMs: 25_000,
  maxTalkMs: 3_600_000,
  targets: {
    billing: { endpoint: 'PJSIP/200', about: 'Bills', spoken: 'our billing desk', announce: true },
    sales: { endpoint: 'PJSIP/201', about: 'Prices', spoken: 'sales', announce: false },
  },
};
const asks = rule('suit you', 'I want to talk to somebody.');
const wants = (to: unknown, announcement: string | null = null, words = '') => callsTool('transfer_call', { to, announcement }, words);

driveTheClock();

interface Ring {
  target: string;
  announced: boolean;
  calledOff: boolean;
  heardByThen: string;
}

/** A line on which a colleague's phone rings for 5 s. */
async function connect(options: CallOptions, result: TransferResult = { kind: 'connected' }) {
  const rings: Ring[] = [];
  const line: CallLine = {
    sendDtmf: async () => {},
    async transfer({ target, announcement, signal }: TransferWish) {
      const ring = { target, announced: (await announcement) !== undefined, calledOff: false, heardByThen: call.person.heardText };
      rings.push(ring);
      await sleep(5_000, signal).catch(() => {
        ring.calledOff = true;
      });
      return ring.calledOff ? { kind: 'unreached', reason: 'called off' } : result;
    },
  };
  const call = placeCall({ line, ...options, campaign: { transfer, optOutKey: '9', ...options.campaign } });
  const { end } = await toItsEnd(call);
  return { call, end, rings, told: JSON.stringify(call.requests.at(-1)?.messages) };
}

describe('a callee who wants somebody else', () => {
  it('is told, hears a phone ring, and is put through; the colleague is told who it is', async () => {
    const { call, end, rings } = await connect({ persona: { when: [asks] }, model: [wants('billing')] });
    expect(end).toMatchObject({ disposition: 'transferred', reason: 'put through to billing' });
    expect(rings).toEqual([
      {
        target: 'billing',
        announced: true,
        calledOff: false,
        heardByThen: expect.stringMatching(/connect you with our billing desk\. Please stay on the line\.$/),
      },
    ]);
    expect(call.synthesized.at(-1)).toBe('Here comes a call for you from our assistant. Dana is on the line.');
    expect(call.person.heardText).toMatch(/stay on the line\.$/);
  });

  it('is announced in the model’s words, or not at all where the campaign wants none', async () => {
    const own = await connect({ persona: { when: [asks] }, model: [wants('billing', 'Dana asks about the bill of May.')] });
    expect(own.call.synthesized.at(-1)).toBe('Dana asks about the bill of May.');
    const blind = await connect({ persona: { when: [asks] }, model: [wants('sales', 'Dana asks about the bill of May.')] });
    expect(blind.rings).toMatchObject([{ target: 'sales', announced: false }]);
  });

  it('is taken back when nobody comes, is told so, and the talk goes on', async () => {
    const { end, rings, told, call } = await connect(
      {
        persona: { when: [asks, rule('call you back', 'Yes, please.')] },
        model: [
          wants('billing', null, 'Sure.'),
          says('Shall they call you back?'),
          callsTool('end_call', { farewell: 'They will. Goodbye.' }),
        ],
      },
      { kind: 'unreached', reason: 'nobody answered (cause 19)' },
    );
    expect(end).toMatchObject({ disposition: 'completed' });
    expect(rings).toHaveLength(1);
    expect(told).toContain('billing could not be reached (nobody answered (cause 19)); the person has been told so');
    expect(call.person.heardText).toMatch(
      /I am sorry, I could not reach our billing desk\. Shall they call you back\? They will\. Goodbye\.$/,
    );
  });

  it('is put through to nobody but whom the campaign names', async () => {
    const { rings, call } = await connect({
      persona: { when: [asks] },
      model: [wants('+4930123456'), wants(['billing']), callsTool('end_call', { farewell: 'Goodbye.' })],
    });
    expect(rings).toEqual([]);
    expect(JSON.stringify(call.requests)).toContain('must be one of billing, sales');
  });

  it('has a phone rung three times a call at most, whatever the model wants', async () => {
    const { rings, end } = await connect({ persona: { when: [asks] }, model: [wants('billing')] }, { kind: 'unreached', reason: 'busy' });
    expect(rings).toHaveLength(3);
    expect(end.disposition).toBe('failed');
  });

  it('stops the ringing by opting out, with the key and with words', async () => {
    const byKey = await connect({
      persona: { when: [asks, rule('stay on the line', '', { say: undefined, press: '9' })] },
      model: [wants('billing')],
    });
    expect(byKey.end).toMatchObject({ disposition: 'opted-out' });
    expect(byKey.rings).toMatchObject([{ calledOff: true }]);
    const byWords = await connect({ persona: { when: [asks, rule('stay on the line', 'Stop calling me.')] }, model: [wants('billing')] });
    expect(byWords.end).toMatchObject({ disposition: 'opted-out' });
    expect(byWords.rings).toMatchObject([{ calledOff: true }]);
    expect(byWords.call.person.heardText).toMatch(/we will not call you again\. Goodbye\.$/);
  });

  it('hangs up while the phone rings: it stops', async () => {
    const { end, rings } = await connect({
      persona: { when: [asks, rule('stay on the line', 'Oh no.', { hangUp: true })] },
      model: [wants('billing')],
    });
    expect(end).toMatchObject({ disposition: 'hung-up' });
    expect(rings).toMatchObject([{ calledOff: true }]);
  });
});

describe('keys of the telephone', () => {
  const press = (keys: unknown) => callsTool('send_dtmf', { keys });
  const goodbye = callsTool('end_call', { farewell: 'Goodbye.' });

  it('are pressed where the campaign allows it, one menu at a time', async () => {
    const pressed: string[] = [];
    const line: CallLine = {
      sendDtmf: async (keys) => void pressed.push(keys),
      transfer: async () => ({ kind: 'unreached', reason: '' }),
    };
    const { call } = await connect({ line, campaign: { ivr: 'press-keys' }, persona: { when: [asks] }, model: [press('1w#'), goodbye] });
    expect(pressed).toEqual(['1w#']);
    expect(JSON.stringify(call.requests.at(-1)?.messages)).toContain('pressed');
  });

  it.each(['', 'hello', '1'.repeat(33), 'w'.repeat(9), 1])('are none the model may press: %s', async (keys) => {
    const pressed: string[] = [];
    const line: CallLine = {
      sendDtmf: async (wanted) => void pressed.push(wanted),
      transfer: async () => ({ kind: 'unreached', reason: '' }),
    };
    const { call } = await connect({ line, campaign: { ivr: 'press-keys' }, persona: { when: [asks] }, model: [press(keys), goodbye] });
    expect(pressed).toEqual([]);
    expect(JSON.stringify(call.requests.at(-1)?.messages)).toContain('must be 1 to 32');
  });

  it('are no tool where the campaign says nothing of menus', async () => {
    const { call } = await connect({ persona: { when: [asks] }, model: [goodbye] });
    expect(call.requests[0]?.tools.map(({ name }) => name)).not.toContain('send_dtmf');
  });
});

describe('a menu of keys that answers', () => {
  const menu = 'Welcome to the clinic. For appointments press one. For bills press two.';

  /** Whoever is behind the menu hears the keys. */
  async function dialMenu(persona: CallOptions['persona'], model: CallOptions['model']) {
    const line: CallLine = {
      sendDtmf: async (keys) => {
        for (const key of keys) call.person.keyHeard(key);
      },
      transfer: async () => ({ kind: 'unreached', reason: '' }),
    };
    const call = placeCall({ line, campaign: { ivr: 'press-keys' }, persona: { firstWords: menu, ...persona }, ...(model && { model }) });
    return toItsEnd(call);
  }
  const press = (keys: string) => callsTool('send_dtmf', { keys });

  it('is gone through to a person, who hears the whole opening', async () => {
    const { call, end } = await dialMenu({ when: [rule('\\[2\\]', 'Billing, this is Ana speaking.'), rule('suit you', 'Yes.')] }, [
      press('2'),
      callsTool('end_call', { farewell: 'Wonderful. Goodbye.' }),
    ]);
    expect(end).toMatchObject({ disposition: 'completed' });
    expect(call.person.heardText).toMatch(
      /Hello, this is the dental practice\. I am an AI and this call is recorded\. Does Tuesday at noon suit you\? Wonderful\. Goodbye\.$/,
    );
    expect(call.requests[0]?.tools.map(({ name }) => name)).toEqual(['send_dtmf']);
  });

  it('that leads nowhere is left after a while, by name', async () => {
    const again = { ...rule('\\[2\\]', 'Sorry. For appointments press one. For bills press two.'), times: 20 };
    const { call, end } = await dialMenu({ when: [again] }, [press('2')]);
    expect(end).toMatchObject({ disposition: 'ivr', reason: expect.stringContaining('none of them led to a person') });
    expect(call.requests).toHaveLength(6);
  });

  it('that ends in a mailbox is one', async () => {
    const { end } = await dialMenu({ when: [rule('\\[2\\]', 'Nobody is here. Please leave a message after the tone.')] }, [press('2')]);
    expect(end).toMatchObject({ disposition: 'voicemail' });
  });
});
