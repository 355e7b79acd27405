import type { Contact } from './contact.ts';

/** A variable in a text: `{{name}}`, or with something to say when the contact has none, `{{name|there}}`. */
export interface TemplateVariable {
  name: string;
  fallback?: string;
}

/** One piece of a parsed text: words, or a variable. */
type Part = string | TemplateVariable;

/** How columns and variables find each other: `Appointment Date`, `appointment-date` and `appointment_date` are one name. */
export function variableName(text: string): string {
  return text
    .normalize('NFC')
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '_')
    .replace(/^_+|_+$/g, '');
}

/** What is wrong with a text's `{{variables}}`, in words; empty when nothing is. */
export function templateProblems(text: string): string[] {
  return parse(text).problems;
}

export function templateVariables(text: string): TemplateVariable[] {
  return parse(text).parts.filter((part) => typeof part !== 'string');
}

/** The names of variables for which this contact has no value and the text no default. */
export function missingVariables(text: string, contact: Contact): string[] {
  const missing = templateVariables(text).filter((variable) => variable.fallback === undefined && !contactValue(variable.name, contact));
  return [...new Set(missing.map((variable) => variable.name))];
}

/**
 * The text with the contact's values in it. A value is data: one line, and never read as a template again.
 * @throws RangeError when a value is missing, which enqueuing rules out.
 */
export function renderTemplate(text: string, contact: Contact): string {
  return parse(text)
    .parts.map((part) => {
      if (typeof part === 'string') return part;
      const value = contactValue(part.name, contact) || part.fallback;
      if (value === undefined) throw new RangeError(`no value for {{${part.name}}}`);
      return value;
    })
    .join('');
}

function contactValue(name: string, contact: Contact): string {
  if (name === 'phone') return contact.phone;
  const value = name === 'name' ? contact.name : Object.hasOwn(contact.variables, name) ? contact.variables[name] : undefined;
  return (value ?? '').replace(/\s+/g, ' ').trim();
}

interface Parsed {
  parts: Part[];
  problems: string[];
}

/** Texts come from campaign files, so there are few of them and each is used for every contact. */
const parsedTexts = new Map<string, Parsed>();
const REMEMBERED_TEXTS = 200;

function parse(text: string): Parsed {
  const known = parsedTexts.get(text);
  if (known) return known;
  const parts: Part[] = [];
  const problems: string[] = [];
  let end = 0;
  for (const match of text.matchAll(/\{\{((?:(?!\{\{|\}\}).)*)\}\}/gsu)) {
    addWords(text.slice(end, match.index), parts, problems);
    end = match.index + match[0].length;
    addVariable(match[1] ?? '', parts, problems);
  }
  addWords(text.slice(end), parts, problems);
  const parsed = { parts, problems };
  if (parsedTexts.size >= REMEMBERED_TEXTS) parsedTexts.clear();
  parsedTexts.set(text, parsed);
  return parsed;
}

function addWords(words: string, parts: Part[], problems: string[]): void {
  if (words) parts.push(words);
  const stray = words.search(/\{\{|\}\}/);
  if (stray >= 0) problems.push(`${words.slice(stray, stray + 2)} without its counterpart near "${excerpt(words, stray)}"`);
}

function addVariable(inner: string, parts: Part[], problems: string[]): void {
  const bar = inner.indexOf('|');
  const written = bar < 0 ? inner : inner.slice(0, bar);
  const name = variableName(written);
  if (!/^[\p{L}\p{N}_ -]+$/u.test(written.trim()) || !name) {
    problems.push(`"{{${inner}}}" is not a variable: a name has letters, digits, spaces, "-" and "_", as in {{appointment_time}}`);
    return;
  }
  parts.push(bar < 0 ? { name } : { name, fallback: inner.slice(bar + 1).trim() });
}

function excerpt(words: string, at: number): string {
  return words
    .slice(Math.max(0, at - 10), at + 20)
    .replace(/\s+/g, ' ')
    .trim();
}
