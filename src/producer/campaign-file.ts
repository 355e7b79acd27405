import { readFile, stat } from 'node:fs/promises';
import { type CountryCode, parsePhoneNumberFromString } from 'libphonenumber-js/max';
import { type Document, isMap, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import type { Campaign, TransferRules } from '../call/campaign.ts';
import { UserError } from '../errors.ts';
import { campaignSchema } from './campaign-schema.ts';
import { costSchema } from './cost-schema.ts';
import { didYouMean } from './did-you-mean.ts';
import { quoteFound } from './quote-found.ts';

/** A campaign is a page of text; more is another file taken for one. */
const MAX_FILE_BYTES = 256 * 1024;

/** What people say last when the model says nothing; other languages must bring their own. */
const GOODBYES: Record<string, string> = {
  en: 'Thank you for your time. Goodbye.',
  de: 'Vielen Dank für Ihre Zeit. Auf Wiederhören.',
  fr: 'Merci de votre temps. Au revoir.',
  es: 'Gracias por su tiempo. Adiós.',
  it: 'Grazie del suo tempo. Arrivederci.',
  nl: 'Dank u voor uw tijd. Tot ziens.',
};

/** One mistake in a campaign file. */
interface Mistake {
  /** 1-based; absent when the file has no such place. */
  line?: number | undefined;
  text: string;
}

type CampaignFile = z.infer<typeof campaignSchema>;

/**
 * Reads and validates a campaign file.
 * @throws UserError that lists every mistake with its line.
 */
export async function loadCampaign(path: string): Promise<Campaign> {
  const lines = new LineCounter();
  const document = parseDocument(await readText(path), { schema: 'failsafe', lineCounter: lines, prettyErrors: false, logLevel: 'silent' });
  const notYaml = document.errors.map((error) => ({
    line: lines.linePos(error.pos[0]).line,
    text: `not valid YAML: ${error.message} (text that begins with { or [, or holds ": ", needs quotes)`,
  }));
  if (notYaml.length > 0) throw mistakesError(path, notYaml);
  if (!isMap(document.contents)) {
    throw new UserError(
      `${path} is not a campaign: expected lines of the form "key: value", e.g. "name: spring-checkups". See campaigns/ for examples.`,
    );
  }
  const raw = toPlain(document, path);
  const result = campaignSchema.safeParse(raw);
  const mistakes = result.success ? [] : result.error.issues.flatMap((issue) => describeIssue(issue, document, lines));
  mistakes.push(...mistakesBetweenKeys(raw, document, lines));
  if (!result.success || mistakes.length > 0) throw mistakesError(path, mistakes);
  return toCampaign(result.data);
}

async function readText(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > MAX_FILE_BYTES)
      throw new UserError(`${path} has ${size} bytes; a campaign file has at most ${MAX_FILE_BYTES}. Is it the right file?`);
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path));
  } catch (error) {
    if (error instanceof UserError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new UserError(`There is no campaign file ${path}. The examples are in campaigns/.`);
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') throw new UserError(`${path} is not UTF-8 text. Save it as UTF-8 and try again.`);
    throw new UserError(`The campaign file ${path} can't be read: ${(error as Error).message}.`);
  }
}

function toPlain(document: Document, path: string): Record<string, unknown> {
  try {
    return document.toJS({ maxAliasCount: 100 }) as Record<string, unknown>;
  } catch (error) {
    throw new UserError(`${path} can't be read as YAML: ${(error as Error).message}. Write the values out instead of using aliases.`);
  }
}

function describeIssue(issue: z.core.$ZodIssue, document: Document, lines: LineCounter): Mistake[] {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const guess = didYouMean(key, knownKeys(path));
      const advice = guess ? `did you mean "${guess}"?` : `known here: ${knownKeys(path).join(', ')}`;
      return { line: lineOf([...path, key], document, lines), text: `${quoteFound([...path, key].join('.'))}: unknown key; ${advice}` };
    });
  }
  const line = lineOf(path, document, lines);
  const found = document.getIn(path);
  if (issue.code === 'custom' && issue.params?.isProblem) return [{ line, text: `${path.join('.')}: ${issue.message}` }];
  if (found === undefined) return [{ text: `${path.join('.')}: missing; expected ${issue.message}` }];
  return [{ line, text: `${path.join('.')}: found ${quoteFound(found)}; expected ${issue.message}` }];
}

/** Rules that concern two keys, told together with the rest; each is silent when one of its keys is wrong by itself. */
function mistakesBetweenKeys(raw: Record<string, unknown>, document: Document, lines: LineCounter): Mistake[] {
  const mistakes: Mistake[] = [];
  if (raw.trunk === undefined && raw.dialString === undefined)
    mistakes.push({
      text: 'trunk: missing; expected "trunk" (e.g. trunk: my-carrier) or "dialString" (e.g. dialString: PJSIP/{e164}@my-carrier)',
    });
  if (raw.trunk !== undefined && raw.dialString !== undefined)
    mistakes.push({ line: lineOf(['trunk'], document, lines), text: 'trunk: found beside "dialString"; expected one of the two' });
  const callerId =
    typeof raw.callerId === 'string' && /^\+\d{7,15}$/.test(raw.callerId) ? parsePhoneNumberFromString(raw.callerId) : undefined;
  if (callerId && !callerId.isPossible()) {
    const expected = 'a whole number with its country code, e.g. +12025550100';
    mistakes.push({
      line: lineOf(['callerId'], document, lines),
      text: `callerId: found ${quoteFound(raw.callerId)}, which no country has; expected ${expected}`,
    });
  }
  if (raw.defaultCountry === undefined && callerId?.isPossible() && !countryOf(callerId.number))
    mistakes.push({
      text: 'defaultCountry: missing, and the caller id does not tell it; expected a country of two capital letters, e.g. US',
    });
  const language = typeof raw.language === 'string' ? raw.language : 'en-US';
  if (raw.goodbye === undefined && !goodbyeIn(language))
    mistakes.push({ text: `goodbye: missing, and there is no default in ${quoteFound(language)}; expected the last words of a call` });
  if (raw.voicemail === 'leave-message' && raw.voicemailMessage === undefined)
    mistakes.push({
      text: 'voicemailMessage: missing; "voicemail: leave-message" needs the words to leave, e.g. voicemailMessage: Please call us back.',
    });
  return mistakes;
}

function toCampaign(file: CampaignFile): Campaign {
  const { trunk, hours, limits } = file;
  return {
    name: file.name,
    callerId: file.callerId,
    dialString: file.dialString ?? `PJSIP/{e164}@${trunk}`,
    defaultCountry: file.defaultCountry ?? countryOf(file.callerId) ?? '',
    language: file.language,
    voice: file.voice,
    greeting: file.greeting,
    disclosure: file.disclosure,
    goal: file.goal,
    script: file.script,
    goodbye: file.goodbye ?? goodbyeIn(file.language) ?? '',
    apology: file.apology,
    hours,
    whenServiceDown: file.whenServiceDown,
    recording: file.recording,
    transcript: file.transcript,
    voicemail: file.voicemail,
    voicemailMessage: file.voicemailMessage,
    purpose: file.purpose,
    optOutKey: file.optOutKey,
    answers: file.answers,
    callBack: file.callBack,
    crm: file.crm,
    ivr: file.ivr,
    transfer: file.transfer && toTransferRules(file.transfer),
    limits: { answerTimeoutMs: limits.answerTimeout, maxCallMs: limits.maxCall, maxTurns: limits.maxTurns, cost: limits.cost },
  };
}

/** A target is called in a sentence as its name reads, unless the file knows better. */
function toTransferRules({ ringTimeout, maxTalk, targets }: NonNullable<CampaignFile['transfer']>): TransferRules {
  const known = Object.entries(targets).map(([name, { endpoint, number, about, announce, spoken = name.replace(/[-_]/g, ' ') }]) => {
    const place = endpoint === undefined ? { number: number ?? '' } : { endpoint };
    return [name, { about, announce, spoken, ...place }] as const;
  });
  return { ringTimeoutMs: ringTimeout, maxTalkMs: maxTalk, targets: Object.fromEntries(known) };
}

function countryOf(callerId: string): CountryCode | undefined {
  return parsePhoneNumberFromString(callerId)?.country;
}

function goodbyeIn(language: string): string | undefined {
  return GOODBYES[language.split('-')[0]?.toLowerCase() ?? ''];
}

function knownKeys(path: readonly string[]): string[] {
  if (path[0] === 'answers') return ['type', 'about', 'choices'];
  if (path[0] === 'transfer')
    return path.length > 1 ? ['endpoint', 'number', 'about', 'spoken', 'announce'] : ['ringTimeout', 'maxTalk', 'targets'];
  if (path[0] === 'hours') return ['from', 'to'];
  if (path[0] === 'crm') return ['read', 'update'];
  if (path[0] === 'limits' && path[1] === 'cost') return Object.keys(costSchema.shape);
  if (path[0] === 'limits') return ['answerTimeout', 'maxCall', 'maxTurns', 'cost'];
  return Object.keys(campaignSchema.shape);
}

/** The line of a key, or of the nearest key around it. */
function lineOf(path: readonly string[], document: Document, lines: LineCounter): number | undefined {
  let line: number | undefined;
  let node: unknown = document.contents;
  for (const key of path) {
    if (!isMap(node)) break;
    const pair = node.items.find((item) => String(item.key) === key);
    const range = (pair?.key as { range?: [number, number, number] } | undefined)?.range;
    if (!range) break;
    line = lines.linePos(range[0]).line;
    node = pair?.value;
  }
  return line;
}

function mistakesError(path: string, mistakes: Mistake[]): UserError {
  const sorted = mistakes.toSorted((a, b) => (a.line ?? Number.MAX_SAFE_INTEGER) - (b.line ?? Number.MAX_SAFE_INTEGER));
  const list = sorted.map(({ line, text }) => `  ${line === undefined ? '        ' : `line ${line}`.padEnd(8)}  ${text}`);
  const count = mistakes.length === 1 ? 'a mistake' : `${mistakes.length} mistakes`;
  return new UserError(
    `The campaign file ${path} has ${count}; nothing was enqueued.\n${list.join('\n')}\nMend ${mistakes.length === 1 ? 'it' : 'them'} and run the same command again.`,
  );
}
