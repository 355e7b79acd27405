import { describe, expect, it } from 'vitest';
import { LIMITS, OPENING } from './telephone/place-call.ts';
import { callsTool, says } from './telephone/scripts.ts';
import { driveTheClock, rule, talk } from './telephone/talk.ts';

const WAY = 'You can park behind the house or use the bus that stops right in front of our door every ten minutes. Anything else?';
const goodbye = callsTool('end_call', { farewell: 'Then we will see you on Tuesday at noon. Goodbye.' });

driveTheClock();

describe.each([-20, -30])('our own voice that comes back 150 ms later, %d dB quieter', (db) => {
  const echo = { db, delayMs: 150 };

  it('neither interrupts us nor is answered', async () => {
    const { call, end, agent } = await talk({
      echo,
      persona: { when: [rule('suit you', 'Where can I park?'), rule('Anything else', 'No.')] },
      model: [says(WAY), goodbye],
    });
    expect(agent).toEqual([OPENING, WAY, 'Then we will see you on Tuesday at noon. Goodbye.']);
    expect(end.transcript.filter(({ speaker }) => speaker === 'callee').map(({ text }) => text)).toEqual(['Where can I park?', 'No.']);
    expect(call.requests).toHaveLength(2);
    // Not even paused for a moment: every word arrives whole.
    expect(call.person.heardText).toBe(agent.join(' '));
  });

  it('is no turn of somebody who says nothing', async () => {
    const { call, end } = await talk({ echo, campaign: { limits: { ...LIMITS, maxCallMs: 60_000 } } });
    expect(end.disposition).toBe('silent');
    expect(call.requests).toEqual([]);
  });

  it('hides nobody who barges in', async () => {
    const { call, byAgent } = await talk({
      echo,
      persona: {
        when: [rule('suit you', 'Where can I park?'), rule('house', 'Stop, I know that.', { interruptAfterMs: 0 })],
        hangsUpAfterMs: 40_000,
      },
      model: [says(WAY), goodbye],
    });
    expect(byAgent[1]).toMatchObject({ bargedIn: true });
    expect(JSON.stringify(call.requests[1]?.messages)).toContain('Stop, I know that.');
  });
});
