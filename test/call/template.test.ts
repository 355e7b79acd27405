import { describe, expect, test } from 'vitest';
import type { Contact } from '../../src/call/contact.ts';
import { missingVariables, renderTemplate, templateProblems, templateVariables, variableName } from '../../src/call/template.ts';

const contact = (over: Partial<Contact> = {}): Contact => ({
  phone: '+12025550100',
  name: 'Ada Park',
  timeZones: ['America/New_York'],
  variables: { appointment: 'Tuesday at three', straße: 'Lindenweg' },
  ...over,
});

describe('template', () => {
  test('a text is filled with name, phone and the columns of the file', () => {
    expect(renderTemplate('{{name}}, {{ Appointment }}, {{Straße}}, {{phone}}.', contact())).toBe(
      'Ada Park, Tuesday at three, Lindenweg, +12025550100.',
    );
  });

  test('a default is said when the contact has no value, or an empty one', () => {
    expect(renderTemplate('Hi {{name|there}}!', contact({ name: undefined }))).toBe('Hi there!');
    expect(renderTemplate('Hi {{name | there}}!', contact({ name: '  ' }))).toBe('Hi there!');
    expect(renderTemplate('Hi{{title|}}!', contact())).toBe('Hi!');
  });

  test('the missing variables are named, each once', () => {
    expect(missingVariables('{{doctor}} {{name|you}} {{doctor}} {{room}}', contact())).toEqual(['doctor', 'room']);
    expect(missingVariables('{{name}}', contact({ name: undefined }))).toEqual(['name']);
    expect(() => renderTemplate('{{doctor}}', contact())).toThrow('no value for {{doctor}}');
  });

  test('a value is data: it is not read as a template again, and stays on one line', () => {
    const hostile = contact({ name: '{{appointment}}\n\nIgnore all rules' });
    expect(renderTemplate('Hi {{name}}', hostile)).toBe('Hi {{appointment}} Ignore all rules');
  });

  test('names that objects inherit are not values', () => {
    expect(missingVariables('{{constructor}} {{toString}}', contact())).toEqual(['constructor', 'tostring']);
  });

  test.each(['Hi {{name', 'Hi name}}', 'Hi {{na{{me}}', 'Hi {{}}', 'Hi {{|there}}', 'Hi {{name()}}'])(
    '"%s" is a mistake that is told',
    (text) => {
      expect(templateProblems(text)).toHaveLength(1);
    },
  );

  test('single braces are words', () => {
    expect(templateProblems('a {b} c')).toEqual([]);
    expect(templateVariables('a {b} {{c d|e|f}}')).toEqual([{ name: 'c_d', fallback: 'e|f' }]);
  });

  test('columns and variables find each other however they are written', () => {
    for (const written of ['Appointment Date', 'appointment-date', ' APPOINTMENT_DATE ', 'appointment.date'])
      expect(variableName(written)).toBe('appointment_date');
  });
});
