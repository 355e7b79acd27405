import type { CountryCode } from 'libphonenumber-js/max';
import type { Campaign } from '../call/campaign.ts';
import type { Contact } from '../call/contact.ts';
import { nextDialTime } from '../call/hours.ts';
import { missingVariables, templateVariables } from '../call/template.ts';
import { UserError } from '../errors.ts';
import type { ContactFields } from './contact-columns.ts';
import { readPhone } from './phone.ts';
import { quoteFound } from './quote-found.ts';
import { canonicalZone, createZonesOf } from './time-zones.ts';

/** A contact who can be called in this campaign, or why not. */
export type ContactMaker = (fields: ContactFields) => Contact | { problem: string };

export interface ContactMakerOptions {
  campaign: Campaign;
  /** Where numbers without a country code belong. */
  country: CountryCode;
  /** Unix milliseconds: whether all zones of a number are ever inside the hours at once is looked up from here on. */
  now: number;
}

const TEXTS = ['greeting', 'disclosure', 'goal', 'script', 'goodbye', 'voicemailMessage', 'purpose'] as const;

export function createContactMaker({ campaign, country, now }: ContactMakerOptions): ContactMaker {
  const zonesOf = createZonesOf();
  const neverOpen = createNeverOpen(campaign, now);
  return (fields) => {
    const read = readPhone(fields.phone, country);
    if ('problem' in read) return read;
    const zones = fields.timeZone === undefined ? zonesOf(read.phone) : zoneList(fields.timeZone);
    if ('problem' in zones) return zones;
    if (zones.length === 0)
      return { problem: `the time zone of ${read.phone.number} is unknown; add a column time_zone, e.g. Europe/Berlin` };
    if (neverOpen(zones)) {
      return {
        problem: `${read.phone.number} may be in any of ${zones.length} time zones, which are never inside the calling hours at once; add a column time_zone, e.g. America/New_York`,
      };
    }
    const { name, crmId, variables } = fields;
    const contact: Contact = { phone: read.phone.number, name, timeZones: [...zones], crmId, variables };
    return problemWithTexts(campaign, contact) ?? contact;
  };
}

/**
 * @param variables what the file's columns give.
 * @throws UserError for variables that no contact of this file can have.
 */
export function checkVariables(campaign: Campaign, variables: ReadonlySet<string>, file: string): void {
  const needed = TEXTS.flatMap((text) => templateVariables(campaign[text] ?? '').map((variable) => ({ ...variable, text })));
  const absent = needed.filter(({ name, fallback }) => fallback === undefined && !variables.has(name));
  if (absent.length === 0) return;
  const list = [...new Map(absent.map(({ name, text }) => [name, `{{${name}}} (in ${text})`])).values()].join(', ');
  throw new UserError(
    `The campaign ${campaign.name} uses ${list}, but ${file} has no such column. It has: ${[...variables].filter(Boolean).slice(0, 20).join(', ')}. ` +
      'Add the column, or write a default into the campaign, as in {{name|there}}.',
  );
}

function zoneList(written: string): readonly string[] | { problem: string } {
  const zone = canonicalZone(written.trim());
  return zone
    ? [zone]
    : { problem: `${quoteFound(written)} is not a time zone; write an IANA name, e.g. Europe/Berlin or America/New_York` };
}

/** Zones come as shared lists from the prefix table, so each list is thought about once. */
function createNeverOpen({ hours }: Campaign, now: number): (zones: readonly string[]) => boolean {
  const answers = new WeakMap<readonly string[], boolean>();
  return (zones) => {
    if (zones.length === 1) return false;
    let answer = answers.get(zones);
    if (answer === undefined) {
      const time = nextDialTime({ now, timeZones: zones, hours });
      answer = !time.allowed && time.at === undefined;
      answers.set(zones, answer);
    }
    return answer;
  };
}

function problemWithTexts(campaign: Campaign, contact: Contact): { problem: string } | undefined {
  for (const text of TEXTS) {
    const missing = missingVariables(campaign[text] ?? '', contact);
    if (missing.length === 0) continue;
    const list = missing.map((name) => `{{${name}}}`).join(', ');
    return {
      problem: `no value for ${list}, which the campaign's ${text} uses; give one, or a default in the campaign, as in {{name|there}}`,
    };
  }
  return undefined;
}
