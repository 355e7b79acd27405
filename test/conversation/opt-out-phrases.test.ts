import { describe, expect, it } from 'vitest';
import { isOptOut } from '../../src/conversation/opt-out-phrases.ts';

describe('people who do not want to be called', () => {
  it.each([
    'Stop calling me.',
    'Please stop calling me!',
    'stop calling',
    'Would you please quit phoning us?',
    "Don't call me again.",
    'Don’t ever call here again',
    'Do not call this number anymore.',
    'Never call me again!',
    'I said do not contact me.',
    'Take me off your list.',
    'Take my number off, please.',
    'Please remove me from your database.',
    'Remove my number.',
    'Lose my number.',
    'Put me on your do-not-call list.',
    'I want to opt out.',
    'Unsubscribe.',
    'Just leave me alone.',
    'No more calls, please.',
    "I don't want any more calls from you.",
    "I don't want to be called.",
    'I do not want you to call me again.',
    'Rufen Sie mich nicht mehr an.',
    'Rufen Sie hier bitte nie wieder an!',
    'Bitte nicht mehr anrufen.',
    'Hören Sie auf, mich anzurufen!',
    'Keine Anrufe mehr, bitte.',
    'Streichen Sie mich von Ihrer Liste.',
    'Löschen Sie bitte meine Nummer.',
    'Nehmen Sie mich aus der Datenbank.',
    'Lassen Sie mich in Ruhe.',
    'Ich möchte nicht mehr angerufen werden.',
    'Ruf mich nie wieder an.',
  ])('are understood without the model: %s', (words) => {
    expect(isOptOut(words)).toBe(true);
  });

  it.each([
    'Yes, that works for me.',
    'Thanks for calling me.',
    "Don't call me before nine, please.",
    "Please don't call me at work, call my mobile.",
    "Why don't you call me tomorrow?",
    "If you don't call me again by Friday I will come in.",
    "I can't stop now, call me later.",
    'Can you call me back?',
    'Could you take it off the bill?',
    'Take me to Dr. Smith.',
    'Remove the appointment, please.',
    "I don't want to opt out.",
    'Rufen Sie mich bitte morgen noch einmal an.',
    'Bitte rufen Sie mich nicht vor zehn an.',
    'Ich bin heute nicht mehr zu erreichen.',
    'Streichen Sie den Termin.',
    'Löschen Sie bitte den Termin am Montag.',
    '',
  ])('are told from people who are only talking: %s', (words) => {
    expect(isOptOut(words)).toBe(false);
  });
});
