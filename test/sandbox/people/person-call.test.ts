import { describe, expect, it } from 'vitest';
import { loadPeople } from '../../../src/sandbox/people/people.ts';
import type { Persona } from '../../../src/sandbox/people/persona.ts';
import { createListener, speak } from '../../../src/sandbox/voice/voice.ts';

const sampleRate = 8_000;
const frameBytes = 320;
const people = loadPeople();

/** A phone line without a clock: time passes only when a test lets it. */
function call(persona: Persona) {
  const listener = createListener(sampleRate);
  const ours: Buffer[] = [];
  const events = {
    words: [] as string[],
    digits: [] as string[],
    hungUpAtMs: undefined as number | undefined,
    firstSoundMs: undefined as number | undefined,
  };
  let nowMs = 0;
  const person = people.pickUp(persona, {
    sampleRate,
    send(frame) {
      if (events.firstSoundMs === undefined && frame.some((byte) => byte !== 0)) events.firstSoundMs = nowMs;
      for (const word of listener.push(frame)) events.words.push(word.text);
    },
    hangUp() {
      events.hungUpAtMs ??= nowMs;
      person.ended();
    },
    dtmf: (digit) => events.digits.push(digit),
  });
  person.answered();
  return {
    person,
    events,
    say(text: string) {
      const pcm = speak(text, sampleRate);
      for (let at = 0; at < pcm.length; at += frameBytes) ours.push(Buffer.concat([pcm.subarray(at, at + frameBytes)], frameBytes));
    },
    stopTalking: () => ours.splice(0),
    get weSpeak() {
      return ours.length > 0;
    },
    wait(ms: number) {
      for (const endMs = nowMs + ms; nowMs < endMs && events.hungUpAtMs === undefined; nowMs += 20) {
        person.hear(ours.shift() ?? Buffer.alloc(frameBytes));
        person.tick();
      }
    },
    spoken: () => events.words.join(' '),
  };
}

const persona = (changes: Partial<Persona>): Persona => ({ ...people.byRole('says-nothing'), ...changes });

describe('people who answer the phone', () => {
  it('says hello first, and answers what it heard', () => {
    const line = call(people.byRole('answers-and-confirms'));
    line.wait(2_000);
    expect(line.spoken()).toBe('Hello?');
    line.say('I am calling about your appointment on Monday.');
    line.wait(7_000);
    expect(line.person.heardText).toBe('I am calling about your appointment on Monday.');
    expect(line.spoken()).toBe('Hello? Yes, that works for me.');
    line.person.ended();
  });

  it('waits for the end of our sentence before it speaks', () => {
    const line = call(people.byRole('answers-and-asks'));
    line.say('I am calling about your appointment with Doctor Smith, and this sentence goes on for quite a while.');
    while (line.weSpeak) line.wait(20);
    expect(line.events.firstSoundMs).toBeUndefined();
    line.wait(2_000);
    expect(line.spoken()).toBe('What time is it?');
    line.person.ended();
  });

  it('interrupts in the middle of our sentence', () => {
    const line = call(people.byRole('interrupts'));
    line.say('I am calling about your appointment on Monday morning with Doctor Smith in our practice.');
    while (line.events.firstSoundMs === undefined && line.weSpeak) line.wait(20);
    expect(line.weSpeak).toBe(true);
    line.stopTalking();
    line.wait(3_000);
    expect(line.spoken()).toBe('Wait, who is this?');
    expect(line.person.heardText).not.toContain('practice');
    line.person.ended();
  });

  it('hears only the words that came through whole', () => {
    const line = call(people.byRole('says-nothing'));
    line.say('Every word counts');
    line.wait(900);
    line.stopTalking();
    line.wait(2_000);
    expect(line.person.heardText).toBe('Every word');
    line.person.ended();
  });

  it('understands nothing of noise', () => {
    const line = call(people.byRole('says-nothing'));
    const noise = Buffer.from(Array.from({ length: 8_000 }, (_, index) => (index * 7_919) % 256));
    for (let at = 0; at < noise.length; at += frameBytes) line.person.hear(noise.subarray(at, at + frameBytes));
    line.wait(1_000);
    expect(line.person.heardText).toBe('');
    line.person.ended();
  });

  it('asks to be left alone', () => {
    const line = call(people.byRole('wants-to-be-left-alone'));
    line.say('Hello, this is an automated call.');
    line.wait(7_000);
    expect(line.spoken()).toBe('Please stop calling me.');
    line.person.ended();
  });

  it('hangs up some time after a goodbye, and not in the middle of it', () => {
    const line = call(persona({ hangsUpAfterGoodbyeMs: 1_000 }));
    line.say('Thank you. Goodbye. Have a nice day.');
    while (line.weSpeak) line.wait(20);
    expect(line.events.hungUpAtMs).toBeUndefined();
    line.wait(3_000);
    expect(line.events.hungUpAtMs).toBeGreaterThan(1_000);
    expect(line.person.heardText).toBe('Thank you. Goodbye. Have a nice day.');
  });

  it('stays on the line after a goodbye when told to', () => {
    const line = call(persona({ hangsUpAfterGoodbyeMs: false }));
    line.say('Goodbye.');
    line.wait(15_000);
    expect(line.events.hungUpAtMs).toBeUndefined();
    line.person.ended();
  });

  it('hangs up early in the middle of our sentence', () => {
    const line = call(people.byRole('hangs-up-early'));
    line.say('This is a sentence that takes a good deal longer than anybody of this sort would ever listen to it.');
    line.wait(8_000);
    expect(line.events.hungUpAtMs).toBe(2_480);
    expect(people.log.at(-1)).toMatchObject({ role: 'hangs-up-early', endedBy: 'person', said: ['Hello?'] });
  });

  it('presses a key when asked', () => {
    const line = call(people.byRole('presses-a-digit'));
    line.say('Press nine.');
    line.wait(4_000);
    expect(line.events.digits).toEqual(['9']);
    line.person.ended();
  });

  it('is a machine that greets, beeps, and records what comes after the beep', () => {
    const line = call(people.byRole('answering-machine'));
    line.say('Too early.');
    line.wait(10_000);
    expect(line.spoken()).toContain('Please leave a message after the tone.');
    line.say('Please call us back.');
    line.wait(15_000);
    expect(line.events.hungUpAtMs).toBeGreaterThan(10_000);
    expect(people.log.at(-1)).toMatchObject({ recordedText: 'Please call us back.', heardText: 'Too early. Please call us back.' });
  });

  it('speaks German', () => {
    const line = call(people.byRole('speaks-german'));
    line.wait(3_000);
    line.say('Ich bin eine Assistentin. Es geht um Ihren Termin.');
    line.wait(8_000);
    expect(line.spoken()).toBe('Weiß, guten Tag. Ja, das passt mir gut.');
    line.person.ended();
  });

  it('loses patience when nobody says anything', () => {
    const line = call(persona({ patienceMs: 5_000 }));
    line.wait(10_000);
    expect(line.events.hungUpAtMs).toBeGreaterThanOrEqual(4_900);
    expect(line.events.hungUpAtMs).toBeLessThan(6_000);
  });

  it('times words by the clock also when our audio had a hole', () => {
    const line = call(people.byRole('says-nothing'));
    line.say('One');
    while (line.weSpeak) line.wait(20);
    for (let tick = 0; tick < 200; tick++) line.person.tick();
    line.say('Two');
    line.wait(2_000);
    expect(line.person.heardText).toBe('One Two');
    expect(line.person.heard[1]?.startMs).toBeGreaterThan(4_000);
    line.person.ended();
  });

  it('takes frames that come late for no pause, and a line on which nothing comes any more for one', () => {
    const line = call(people.byRole('answers-and-confirms'));
    line.wait(1_500);
    line.say('This is about your');
    while (line.weSpeak) line.wait(20);
    line.wait(280);
    for (let late = 0; late < 14; late++) line.person.tick();
    line.say('appointment.');
    line.wait(1_000);
    expect(line.person.said).toEqual(['Hello?']);
    for (let quiet = 0; quiet < 30; quiet++) line.person.tick();
    expect(line.person.said).toHaveLength(2);
    line.person.ended();
  });

  it('keeps a log of finished calls', () => {
    const line = call(people.byRole('says-nothing'));
    line.say('Anybody there?');
    line.wait(2_000);
    line.person.ended();
    line.person.ended();
    expect(people.log.at(-1)).toMatchObject({
      role: 'says-nothing',
      number: '+12025550105',
      endedBy: 'caller',
      heardText: 'Anybody there?',
      said: [],
    });
  });
});
