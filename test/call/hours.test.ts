import { describe, expect, test } from 'vitest';
import { nextDialTime } from '../../src/call/hours.ts';

const day = { from: '08:00', to: '21:00' };
const ask = (now: string, timeZones: string[], hours = day) => nextDialTime({ now: Date.parse(now), timeZones, hours });
const openingOf = (now: string, timeZones: string[], hours = day) => {
  const answer = ask(now, timeZones, hours);
  return answer.allowed || answer.at === undefined ? answer : new Date(answer.at).toISOString();
};

describe('hours', () => {
  test('a contact is called from the first minute of the hours up to, and not including, the last', () => {
    expect(ask('2026-03-02T07:00:00Z', ['Europe/Berlin'])).toEqual({ allowed: true });
    expect(ask('2026-03-02T19:59:59.999Z', ['Europe/Berlin'])).toEqual({ allowed: true });
    expect(openingOf('2026-03-02T06:59:59.999Z', ['Europe/Berlin'])).toBe('2026-03-02T07:00:00.000Z');
    expect(openingOf('2026-03-02T20:00:00Z', ['Europe/Berlin'])).toBe('2026-03-03T07:00:00.000Z');
  });

  test('the reason tells an operator the local time and the hours', () => {
    expect(ask('2026-03-02T11:12:00Z', ['America/Chicago'])).toEqual({
      allowed: false,
      reason: 'it is 05:12 in America/Chicago; calls are made from 08:00 to 21:00',
      at: Date.parse('2026-03-02T14:00:00Z'),
    });
  });

  test('a number that may be in several zones is called only when all of them are awake', () => {
    const zones = ['America/New_York', 'America/Los_Angeles'];
    expect(ask('2026-03-02T16:00:00Z', zones)).toEqual({ allowed: true });
    expect(openingOf('2026-03-02T14:00:00Z', zones)).toBe('2026-03-02T16:00:00.000Z');
    // 21:30 in New York, 18:30 in Los Angeles: tomorrow, when Los Angeles opens.
    expect(openingOf('2026-03-03T02:30:00Z', zones)).toBe('2026-03-03T16:00:00.000Z');
  });

  test('an unknown zone is never called, and gets no time', () => {
    expect(ask('2026-03-02T12:00:00Z', [])).toEqual({ allowed: false, reason: "the contact's time zone is unknown" });
    const answer = ask('2026-03-02T12:00:00Z', ['Europe/Berlin', 'Middle/Earth']);
    expect(answer).toEqual({ allowed: false, reason: '"Middle/Earth" is not a time zone that this machine knows' });
  });

  test('zones that are never awake together get no time, and the reason says so', () => {
    const answer = ask('2026-03-02T12:00:00Z', ['Pacific/Auckland', 'Atlantic/Azores'], { from: '09:00', to: '17:00' });
    expect(answer).toMatchObject({ allowed: false, reason: expect.stringContaining('never inside that at once') });
    expect(answer).not.toHaveProperty('at');
  });

  test('zones that are awake together only after the clocks change get that day', () => {
    // Phoenix is 7 h behind London in winter and 8 h in summer; London leaves summer time on 2026-10-25.
    const zones = ['America/Phoenix', 'Europe/London'];
    expect(openingOf('2026-07-01T12:00:00Z', zones, { from: '08:00', to: '15:30' })).toBe('2026-10-25T15:00:00.000Z');
  });

  test('in spring the hours follow the new clock from the first day on', () => {
    // Berlin springs from 02:00 to 03:00 on 2026-03-29.
    expect(openingOf('2026-03-28T21:00:00Z', ['Europe/Berlin'])).toBe('2026-03-29T06:00:00.000Z');
    expect(ask('2026-03-29T06:00:00Z', ['Europe/Berlin'])).toEqual({ allowed: true });
  });

  test('hours that begin inside the spring gap open when the gap ends', () => {
    const early = { from: '02:30', to: '10:00' };
    expect(openingOf('2026-03-28T23:30:00Z', ['Europe/Berlin'], early)).toBe('2026-03-29T01:00:00.000Z');
  });

  test('hours that lie wholly inside the spring gap open the next day', () => {
    const gap = { from: '02:10', to: '02:50' };
    expect(openingOf('2026-03-28T23:30:00Z', ['Europe/Berlin'], gap)).toBe('2026-03-30T00:10:00.000Z');
  });

  test('in autumn the hour that comes twice is inside the hours twice', () => {
    // Berlin falls from 03:00 to 02:00 on 2026-10-25, at 01:00 UTC.
    const night = { from: '02:15', to: '02:45' };
    expect(openingOf('2026-10-24T23:00:00Z', ['Europe/Berlin'], night)).toBe('2026-10-25T00:15:00.000Z');
    expect(openingOf('2026-10-25T00:45:00Z', ['Europe/Berlin'], night)).toBe('2026-10-25T01:15:00.000Z');
    expect(openingOf('2026-10-24T20:00:00Z', ['Europe/Berlin'])).toBe('2026-10-25T07:00:00.000Z');
  });

  test.each([
    ['Asia/Kolkata', '2026-06-01T02:29:00Z', '2026-06-01T02:30:00.000Z'],
    ['Asia/Kathmandu', '2026-06-01T02:14:00Z', '2026-06-01T02:15:00.000Z'],
    ['America/St_Johns', '2026-06-01T10:29:00Z', '2026-06-01T10:30:00.000Z'],
    // Lord Howe changes its clocks by half an hour only.
    ['Australia/Lord_Howe', '2026-06-01T21:29:00Z', '2026-06-01T21:30:00.000Z'],
    ['Australia/Lord_Howe', '2026-12-01T20:59:00Z', '2026-12-01T21:00:00.000Z'],
    ['Pacific/Chatham', '2026-06-01T19:14:00Z', '2026-06-01T19:15:00.000Z'],
    ['Pacific/Kiritimati', '2026-06-01T17:59:00Z', '2026-06-01T18:00:00.000Z'],
  ])('%s opens at eight by its own odd clock', (zone, now, opening) => {
    expect(openingOf(now, [zone])).toBe(opening);
    expect(ask(opening, [zone])).toEqual({ allowed: true });
  });

  test('00:00 to 24:00 is always', () => {
    const always = { from: '00:00', to: '24:00' };
    for (const now of ['2026-03-29T00:59:59Z', '2026-03-29T01:00:00Z', '2026-10-25T00:30:00Z', '2026-06-01T22:00:00Z'])
      expect(ask(now, ['Europe/Berlin', 'America/Chicago'], always)).toEqual({ allowed: true });
  });

  test('every promised time is allowed, and the minute before it is not', () => {
    const zones = ['America/New_York', 'Europe/London', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'Africa/Casablanca'];
    const hours = { from: '01:30', to: '02:45' };
    let checked = 0;
    for (const zone of zones) {
      for (let now = Date.parse('2026-01-01T00:07:00Z'); now < Date.parse('2027-01-01T00:00:00Z'); now += 7 * 3_600_000) {
        const answer = nextDialTime({ now, timeZones: [zone], hours });
        if (answer.allowed) continue;
        expect(answer.at).toBeDefined();
        const at = answer.at ?? 0;
        expect(nextDialTime({ now: at, timeZones: [zone], hours })).toEqual({ allowed: true });
        if (at - 1 > now) expect(nextDialTime({ now: at - 1, timeZones: [zone], hours }).allowed).toBe(false);
        checked += 1;
      }
    }
    expect(checked).toBeGreaterThan(5_000);
  });
});
