import { parseArgs } from 'node:util';
import { SingleBar } from 'cli-progress';
import type { CountryCode } from 'libphonenumber-js/max';
import type { Campaign } from '../src/call/campaign.ts';
import type { ContactSink } from '../src/call/contact-sink.ts';
import { type Config, loadConfig, readEnvFile } from '../src/config.ts';
import { UserError } from '../src/errors.ts';
import { loadCampaign } from '../src/producer/campaign-file.ts';
import { isCountry } from '../src/producer/campaign-schema.ts';
import { type ContactFile, openContactFile } from '../src/producer/contact-file.ts';
import { checkVariables } from '../src/producer/contact-maker.ts';
import { type EnqueueCounts, enqueueContacts } from '../src/producer/enqueue.ts';
import { createRejectedFile, rejectedPath } from '../src/producer/rejected-file.ts';
import { openContactSink } from '../src/wire-producer.ts';
import { summarise } from './enqueue/summary.ts';

const USAGE = `npm run enqueue -- CONTACTS --campaign FILE [options]

Puts the contacts of a file into the calls queue. Doing it again adds nothing twice.

  CONTACTS                 CSV with a header (comma, semicolon, tab), JSON Lines, or - for standard input
  --campaign FILE          the campaign, e.g. campaigns/appointment-reminder.yaml
  --update                 replace the data of contacts that are queued and not dialled yet
  --dry-run                only say what would happen
  --phone-column NAME      the column with the phone number, when its name doesn't tell
  --country CC             country of numbers without a country code, instead of the campaign's, e.g. DE
  --encoding NAME          when the file is not UTF-8, e.g. windows-1252
  --help

Lines that can't be called go to CONTACTS.rejected.csv with the reason.
Exit code: 0 done (rejected lines are counted), 1 Redis can't be reached or failed, 2 wrong arguments, campaign or file, 130 stopped.`;

/** A shorter file is done before a bar could be read. */
const BAR_FROM_BYTES = 1024 * 1024;

interface Order {
  path: string;
  campaignPath: string;
  update: boolean;
  dryRun: boolean;
  phoneColumn: string | undefined;
  encoding: string | undefined;
  country: CountryCode | undefined;
}

/** Undefined when only help was wanted. */
function readOrder(): Order | undefined {
  const { values, positionals } = parseCommandLine();
  if (values.help) return undefined;
  const [path] = positionals;
  if (path === undefined) throw new UserError(`Which contacts? Name a file, or - for standard input.\n\n${USAGE}`);
  if (positionals.length > 1)
    throw new UserError(`One file at a time; found ${positionals.length}: ${positionals.join(', ')}.\n\n${USAGE}`);
  const { campaign: campaignPath, country } = values;
  if (campaignPath === undefined) throw new UserError(`Which campaign? Add --campaign campaigns/NAME.yaml.\n\n${USAGE}`);
  if (country !== undefined && !isCountry(country))
    throw new UserError(`--country is "${country}"; expected two capital letters (ISO 3166), e.g. DE.`);
  const { update = false, 'dry-run': dryRun = false, 'phone-column': phoneColumn, encoding } = values;
  return { path, campaignPath, update, dryRun, phoneColumn, encoding, country };
}

function parseCommandLine() {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  try {
    return parseArgs({
      allowPositionals: true,
      options: { campaign: text, update: flag, 'dry-run': flag, 'phone-column': text, encoding: text, country: text, help: flag },
    });
  } catch (error) {
    throw new UserError(`${(error as Error).message}\n\n${USAGE}`);
  }
}

async function main(): Promise<number> {
  const order = readOrder();
  if (!order) {
    console.log(USAGE);
    return 0;
  }
  const signal = abortOnSignal();
  readEnvFile();
  const config = loadConfig(['enqueue']);
  const campaign = await loadCampaign(order.campaignPath);
  // Everything that a human may have to mend is looked at before Redis is.
  const contacts = await openContactFile({ ...order, stdin: process.stdin });
  if (contacts.variables) checkVariables(campaign, contacts.variables, contacts.name);
  const sink = await openContactSink(config, campaign).catch((error: unknown) => {
    if (error instanceof UserError) return error;
    throw error;
  });
  if (sink instanceof UserError) {
    console.error(sink.message);
    return 1;
  }
  try {
    return await enqueue({ order, campaign, contacts, sink, config, signal });
  } finally {
    await sink.close();
  }
}

interface Enqueue {
  order: Order;
  campaign: Campaign;
  contacts: ContactFile;
  sink: ContactSink;
  config: Config;
  signal: AbortSignal;
}

async function enqueue({ order, campaign, contacts, sink, config, signal }: Enqueue): Promise<number> {
  const { update, dryRun } = order;
  const rejected = await createRejectedFile(rejectedPath(order.path), contacts.headers);
  const bar = progressBar(contacts);
  let counts: Readonly<EnqueueCounts> | undefined;
  const onProgress = (now: Readonly<EnqueueCounts>) => {
    counts = now;
    bar?.update(contacts.readBytes(), { lines: now.lines.toLocaleString('en-US') });
  };
  const country = order.country ?? (isCountry(campaign.defaultCountry) ? campaign.defaultCountry : 'US');
  try {
    counts = await enqueueContacts({ contacts, campaign, sink, rejected, country, update, dryRun, onProgress, signal });
  } catch (error) {
    bar?.stop();
    const progress = counts ? summarise(counts, { campaign: campaign.name, dryRun, rejectedPath: rejected.path }) : 'Nothing was enqueued.';
    console.error(`${(error as Error).message}\n\n${progress}\nWhen that is mended, run the same command again: nothing is added twice.`);
    return error instanceof UserError ? 2 : 1;
  } finally {
    bar?.stop();
    await rejected.close();
  }
  console.log(summarise(counts, { campaign: campaign.name, dryRun, rejectedPath: rejected.path }));
  if (signal.aborted) {
    console.log('Stopped. To go on, run the same command again: nothing is added twice.');
    return 130;
  }
  if (!dryRun)
    console.log(`Calls are made while the workers run: npm start\nWatch them at http://${config.web.host}:${config.web.port}/board`);
  return 0;
}

/** On a terminal and for long files only; undefined otherwise. */
function progressBar({ sizeBytes, name }: ContactFile): SingleBar | undefined {
  if (sizeBytes === undefined || sizeBytes < BAR_FROM_BYTES || !process.stderr.isTTY) return undefined;
  const bar = new SingleBar({ format: `${name} [{bar}] {percentage}% | {lines} lines | {eta_formatted} left`, hideCursor: true, fps: 5 });
  bar.start(sizeBytes, 0, { lines: '0' });
  return bar;
}

/** The first Ctrl-C stops after the batch that is being written; the second one exits. */
function abortOnSignal(): AbortSignal {
  const stop = new AbortController();
  const onSignal = () => {
    if (stop.signal.aborted) process.exit(130);
    stop.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return stop.signal;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof UserError ? error.message : error);
  process.exitCode = error instanceof UserError ? 2 : 1;
}
// An open pipe that nobody reads any more would keep the process alive.
process.stdin.destroy();
