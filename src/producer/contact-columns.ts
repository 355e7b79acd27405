import { variableName } from '../call/template.ts';
import { UserError } from '../errors.ts';
import { readPhone } from './phone.ts';
import { quoteFound } from './quote-found.ts';

/** Usual headers, the likeliest first, as `variableName` writes them. */
const PHONE_NAMES = [
  'phone',
  ...[
    'phone_number',
    'phonenumber',
    'telephone',
    'telephone_number',
    'tel',
    'mobile',
    'mobile_phone',
    'mobile_phone_number',
    'mobile_number',
    'cell',
  ],
  ...[
    'cell_phone',
    'cellphone',
    'number',
    'telefon',
    'telefonnummer',
    'rufnummer',
    'handy',
    'handynummer',
    'mobil',
    'mobilnummer',
    'mobiltelefon',
  ],
  ...['telefono', 'teléfono', 'movil', 'móvil', 'téléphone', 'numéro', 'msisdn', 'e164'],
];
const NAME_NAMES = ['name', 'full_name', 'fullname', 'contact_name'];
const TIME_ZONE_NAMES = ['time_zone', 'timezone', 'tz', 'zeitzone'];
const CRM_ID_NAMES = ['crm_id', 'hubspot_id', 'hs_object_id', 'record_id', 'record_id_contact'];

/** More is not a list of contacts, and every column costs memory in Redis for every contact. */
const MAX_COLUMNS = 200;
const MAX_FIELD_CHARACTERS = 4_000;

/** What a line says of a person, still as written. */
export interface ContactFields {
  phone: string;
  name?: string | undefined;
  timeZone?: string | undefined;
  crmId?: string | undefined;
  variables: Record<string, string>;
}

/** One line of a contact file, with its values as written for the rejected file. */
export type ContactLine = { line: number; original: readonly string[] } & ({ fields: ContactFields } | { problem: string });

export function toContactLine(line: number, original: readonly string[], fields: ContactFields | string): ContactLine {
  return typeof fields === 'string' ? { line, original, problem: fields } : { line, original, fields };
}

/** Turns a line's values, in the order of the columns, into what they say; a string is why they can't be taken. */
export type FieldsReader = (values: readonly string[]) => ContactFields | string;

type Role = 'phone' | 'name' | 'timeZone' | 'crmId' | 'nothing' | { variable: string };

export interface ColumnsOptions {
  /** What the file is called in messages. */
  file: string;
  /** The header that the user named. */
  phoneColumn?: string | undefined;
}

/**
 * Decides once what each column is.
 * @throws UserError when there is no phone column, or the header can't be trusted.
 */
export function createFieldsReader(headers: readonly string[], options: ColumnsOptions): FieldsReader {
  if (headers.length > MAX_COLUMNS)
    throw new UserError(
      `${options.file} has ${headers.length} columns; at most ${MAX_COLUMNS} are read. Remove what the campaign doesn't need.`,
    );
  const names = headers.map(variableName);
  refuseTwins(headers, names, options.file);
  const phoneAt = findPhone(headers, names, options);
  const others = [first(names, NAME_NAMES), first(names, TIME_ZONE_NAMES), first(names, CRM_ID_NAMES)];
  const roles = names.map((name, index): Role => {
    if (index === phoneAt) return 'phone';
    if (index === others[0]) return 'name';
    if (index === others[1]) return 'timeZone';
    if (index === others[2]) return 'crmId';
    return name === '' ? 'nothing' : { variable: name };
  });
  return (values) => {
    if (values.slice(roles.length).some((value) => value !== ''))
      return `the line has ${values.length} fields, the header ${roles.length}; is there a separator in a field without quotes?`;
    const fields: ContactFields = { phone: '', variables: {} };
    for (const [index, role] of roles.entries()) {
      const value = values[index] ?? '';
      const problem = value === '' ? undefined : problemOf(value, headers[index] ?? '');
      if (problem) return problem;
      if (typeof role === 'object') fields.variables[role.variable] = value;
      else if (role !== 'nothing' && (value !== '' || role === 'phone')) fields[role] = value;
    }
    return fields;
  };
}

/** The names that texts may use, given these headers; `name` only when there is such a column. */
export function variablesOf(headers: readonly string[]): Set<string> {
  const names = headers.map(variableName);
  return new Set(['phone', ...names, ...(first(names, NAME_NAMES) === undefined ? [] : ['name'])]);
}

function problemOf(value: string, header: string): string | undefined {
  if (value.length > MAX_FIELD_CHARACTERS) return `the field ${quoteFound(header)} is longer than ${MAX_FIELD_CHARACTERS} characters`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  const control = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/.exec(value);
  if (!control) return undefined;
  const code = (control[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  return `the field ${quoteFound(header)} holds a control character (U+${code})`;
}

function refuseTwins(headers: readonly string[], names: readonly string[], file: string): void {
  const twin = names.findIndex((name, index) => name !== '' && names.indexOf(name) !== index);
  if (twin < 0) return;
  const [one, other] = [headers[names.indexOf(names[twin] ?? '')], headers[twin]];
  throw new UserError(`${file} has two columns of one name: ${quoteFound(one)} and ${quoteFound(other)}. Rename one of them.`);
}

function findPhone(headers: readonly string[], names: readonly string[], { file, phoneColumn }: ColumnsOptions): number {
  if (phoneColumn !== undefined) {
    const at = headers.indexOf(phoneColumn) >= 0 ? headers.indexOf(phoneColumn) : names.indexOf(variableName(phoneColumn));
    if (at < 0) throw new UserError(`${file} has no column ${quoteFound(phoneColumn)}. ${foundColumns(headers)}`);
    return at;
  }
  const found = PHONE_NAMES.map((name) => names.indexOf(name)).filter((index) => index >= 0);
  const [best, second] = found;
  if (best === undefined) {
    const data = headers.find((header) => 'phone' in readPhone(header, 'US'));
    const why = data === undefined ? '' : ` The first line must name the columns, and ${quoteFound(data)} looks like a number itself.`;
    throw new UserError(
      `${file} has no phone column.${why} ${foundColumns(headers)} Name a column "phone", or say which one it is: --phone-column NAME.`,
    );
  }
  if (second !== undefined && names[best] !== 'phone') {
    const candidates = found.map((index) => quoteFound(headers[index])).join(', ');
    throw new UserError(`${file} has several columns that may be the phone number: ${candidates}. Say which one: --phone-column NAME.`);
  }
  return best;
}

function foundColumns(headers: readonly string[]): string {
  const shown = headers.slice(0, 20).map(quoteFound).join(', ');
  return `Columns found: ${shown}${headers.length > 20 ? ` and ${headers.length - 20} more` : ''}.`;
}

function first(names: readonly string[], wanted: readonly string[]): number | undefined {
  return wanted.map((name) => names.indexOf(name)).find((index) => index >= 0);
}
