import { randomBytes } from 'node:crypto';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { type Config, loadConfig, readEnvFile } from '../src/config.ts';
import { UserError } from '../src/errors.ts';
import { askAsterisk } from '../src/sandbox/ask-asterisk.ts';
import { envFile, knownService, runsFrom, startService, stopService, writeWorkerSettings } from '../src/sandbox/asterisk-service.ts';
import { CARRIER_NUMBERS } from '../src/sandbox/carrier-scenario.ts';
import { dockerAsteriskRuns, hasDockerEngine, startDockerAsterisk, stopDockerAsterisk } from '../src/sandbox/docker-asterisk.ts';
import { prepareAsterisk, preparedAsterisk } from '../src/sandbox/real-asterisk.ts';
import { createUnpackDisplay } from '../src/sandbox/unpack-display.ts';

const USAGE = `Usage: npm run asterisk -- <command>
  up        check the Asterisk that is configured (ARI_USERNAME set), else start one: with Docker where an engine answers,
            else from Debian's packages, unpacked without root. --using docker|debian chooses.
  down      stop the one that "up" started, and nothing else
  status    what is configured, what runs, where
  prepare   only download and unpack (Debian or Ubuntu), which is what "npm run test:asterisk" needs`;

/** ARI's port when it runs in Docker. */
const DOCKER_PORT = 8088;

const COMMANDS: Record<string, (config: Config, using: string | undefined) => Promise<void>> = { up, down, status, prepare };

async function up(config: Config, using: string | undefined): Promise<void> {
  const service = knownService(config.dataDir);
  if (isConfigured(config) && config.ari.url !== service?.ariUrl && using === undefined) {
    const answer = await askAsterisk(config.ari);
    if ('version' in answer)
      return say(`The configured Asterisk answers at ${config.ari.url}: version ${answer.version}. Nothing to start.`);
    throw new UserError(
      `The configured Asterisk (ARI_URL ${config.ari.url}) can't be used: ${answer.failure}. ` +
        'Mend it, or unset ARI_USERNAME to have one started here.',
    );
  }
  if (service !== undefined && (await runsFrom(service.pid, service.home))) return status(config);
  if (using === 'docker' || (using === undefined && (await hasDockerEngine()))) return upInDocker(config);
  await prepare(config);
  const started = await startService({ dataDir: config.dataDir });
  say(`Asterisk ${started.version} answers at ${started.ariUrl} (process ${started.pid}).`);
  say(`SIPp plays the carrier on UDP port ${started.trunkPort}: PJSIP/{e164}@trunk, for example ${CARRIER_NUMBERS[486]} is busy.`);
  sayNext(envFile(started));
}

async function upInDocker(config: Config): Promise<void> {
  if (await dockerAsteriskRuns()) return status(config);
  const file = join(config.dataDir, 'asterisk/docker/worker.env');
  const ari = { ariUrl: `http://127.0.0.1:${DOCKER_PORT}`, username: 'ringfence', password: randomBytes(16).toString('hex') };
  await writeWorkerSettings(file, ari);
  say('Building the image (the first time takes a minute) …');
  await startDockerAsterisk(DOCKER_PORT, file);
  say(`Asterisk runs in Docker, ARI at ${ari.ariUrl}.`);
  sayNext(file);
}

function sayNext(file: string): void {
  const shown = relative(process.cwd(), file);
  say(`To let the worker use it: cat ${shown} >> .env\nTo stop it: npm run asterisk -- down`);
}

async function down(config: Config): Promise<void> {
  if (await stopService(config.dataDir)) return say('Asterisk and carrier are stopped.');
  if (await dockerAsteriskRuns()) {
    await stopDockerAsterisk();
    return say('The Asterisk in Docker is stopped.');
  }
  say('Nothing to stop: "up" has started nothing that still runs.');
}

async function status(config: Config): Promise<void> {
  const { dataDir, ari } = config;
  const tree = preparedAsterisk(dataDir);
  say(
    `Unpacked:   ${tree === undefined ? 'no (npm run asterisk -- prepare)' : `Asterisk ${tree.versions.asterisk}, SIPp ${tree.versions['sip-tester']}`}`,
  );
  if (isConfigured(config)) {
    const answer = await askAsterisk(ari);
    say(`Configured: ${ari.url}, ${'version' in answer ? `answers, version ${answer.version}` : answer.failure}`);
  } else say('Configured: no (ARI_USERNAME is not set)');
  const service = knownService(dataDir);
  if (service !== undefined && (await runsFrom(service.pid, service.home))) {
    const answer = await askAsterisk({ url: service.ariUrl, username: service.username, password: service.password });
    say(
      `Started:    ${service.ariUrl}, process ${service.pid}, ${'version' in answer ? `answers, version ${answer.version}` : answer.failure}`,
    );
    const carrier = (await runsFrom(service.carrierPid, service.home)) ? `process ${service.carrierPid}` : 'not running';
    say(`Carrier:    UDP port ${service.trunkPort}, ${carrier}`);
    say(`Files:      ${service.home}`);
  } else if (await dockerAsteriskRuns()) say(`Started:    in Docker, ARI at http://127.0.0.1:${DOCKER_PORT}`);
  else say('Started:    nothing runs');
}

async function prepare(config: Config): Promise<void> {
  const display = createUnpackDisplay('Asterisk and SIPp');
  try {
    const tree = await prepareAsterisk({ dataDir: config.dataDir, mirror: config.debianMirror, onProgress: display.onProgress });
    say(`Asterisk ${tree.versions.asterisk} and SIPp ${tree.versions['sip-tester']} are unpacked in ${relative(process.cwd(), tree.dir)}.`);
  } finally {
    display.end();
  }
}

function isConfigured(config: Config): boolean {
  return config.ari.username !== '';
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function main(): Promise<void> {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { using: { type: 'string' }, help: { type: 'boolean' } } });
  const command = COMMANDS[positionals[0] ?? ''];
  if (values.help === true) return say(USAGE);
  if (command === undefined) throw new UserError(USAGE);
  if (values.using !== undefined && values.using !== 'docker' && values.using !== 'debian') throw new UserError(USAGE);
  readEnvFile();
  await command(loadConfig([]), values.using);
}

main().catch((error: unknown) => {
  const expected = error instanceof UserError || (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS');
  console.error(expected && error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
