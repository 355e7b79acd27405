import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startAsteriskSandbox } from '../../src/sandbox/asterisk/asterisk-sandbox.ts';
import { startCarrier } from '../../src/sandbox/carrier.ts';
import { CARRIER_NUMBERS } from '../../src/sandbox/carrier-scenario.ts';
import { type ElevenLabsSandbox, startElevenLabsSandbox } from '../../src/sandbox/elevenlabs/elevenlabs-sandbox.ts';
import { type HubSpotSandbox, startHubSpotSandbox } from '../../src/sandbox/hubspot/hubspot-sandbox.ts';
import { startOpenAiSandbox } from '../../src/sandbox/openai/openai-sandbox.ts';
import { loadPeople, type People } from '../../src/sandbox/people/people.ts';
import type { PersonCallRecord } from '../../src/sandbox/people/person-call.ts';
import { startRealAsterisk } from '../../src/sandbox/real-asterisk.ts';
import { sleep } from '../../src/sleep.ts';
import type { Story } from './campaign.ts';
import type { Sightings } from './sightings.ts';
import { type Listeners, startListeners } from './telling.ts';

export type AsteriskKind = 'sandbox' | 'real';

/** The world outside, and what it saw. */
export interface ChaosWorld {
  readonly settings: Record<string, string>;
  readonly dialString: string;
  /** Somebody who picks up and was never called before. */
  newNumber(story: Story): string;
  /** To whom they are put through; a phone of its own for each callee. */
  colleagueOf(number: string): string;
  /** Somebody whose line is always busy. */
  readonly busy: string;
  /** People say goodbye; the carrier's echo doesn't. */
  readonly maxCallMs: number;
  readonly hubSpot: HubSpotSandbox;
  readonly elevenLabs: ElevenLabsSandbox;
  /** Undefined where only the CRM is told. */
  readonly listeners: Listeners | undefined;
  dials(): Promise<Sightings['dials']>;
  rows(): Sightings['rows'];
  told(): Sightings['told'];
  talks(): Talk[] | undefined;
  /** Hangs up on a callee who was put through. */
  colleagueHangsUp(number: string): void;
  /** Living ones, by id and name. */
  channels(): Promise<string[]>;
  bridges(): Promise<Bridge[]>;
  /** As when it is killed and started again. */
  restartAsterisk(downMs: number): Promise<void>;
  stop(): Promise<void>;
}

/** Somebody's line, from picking up to the end. */
export type Talk = Pick<PersonCallRecord, 'number' | 'answeredAt' | 'endedAt' | 'endedBy'>;

export interface Bridge {
  id: string;
  /** Ids of who is in it. */
  channels: readonly string[];
}

interface Telephony
  extends Pick<ChaosWorld, 'dials' | 'talks' | 'colleagueHangsUp' | 'restartAsterisk' | 'dialString' | 'busy' | 'maxCallMs'> {
  ari: { ARI_URL: string; ARI_USERNAME: string; ARI_PASSWORD: string };
  stop(): Promise<void>;
}

export async function startChaosWorld(kind: AsteriskKind, { listening = false } = {}): Promise<ChaosWorld> {
  const elevenLabs = await startElevenLabsSandbox({ apiKey: 'chaos-elevenlabs' });
  const openAi = await startOpenAiSandbox({ apiKey: 'chaos-openai' });
  const hubSpot = await startHubSpotSandbox({ accessToken: 'chaos-hubspot' });
  const listeners = listening ? await startListeners() : undefined;
  const telephony = await (kind === 'real' ? realTelephony() : sandboxTelephony());
  const { ari, stop, ...seen } = telephony;
  let called = 0;
  const ask = async <T>(path: string): Promise<T> => {
    const authorization = `Basic ${Buffer.from(`${ari.ARI_USERNAME}:${ari.ARI_PASSWORD}`).toString('base64')}`;
    const response = await fetch(`${ari.ARI_URL}/ari/${path}`, { headers: { authorization } });
    return (await response.json()) as T;
  };
  return {
    ...seen,
    hubSpot,
    elevenLabs,
    listeners,
    newNumber(story) {
      called += 1;
      return `${NUMBERS[story]}${String(called).padStart(6, '0')}`;
    },
    colleagueOf: (number) => `${COLLEAGUES}${number.slice(COLLEAGUES.length)}`,
    settings: {
      ...ari,
      ELEVENLABS_API_KEY: 'chaos-elevenlabs',
      ELEVENLABS_BASE_URL: elevenLabs.url,
      OPENAI_API_KEY: 'chaos-openai',
      OPENAI_BASE_URL: openAi.baseUrl,
      HUBSPOT_ACCESS_TOKEN: 'chaos-hubspot',
      HUBSPOT_BASE_URL: hubSpot.url,
      ...listeners?.settings,
    },
    rows: () => hubSpot.rows.map(({ properties }) => toRow(properties)),
    told: () =>
      hubSpot.faults.requests.flatMap(({ method, body, at }) =>
        method === 'POST' ? inputsOf(body).map((one) => ({ ...toRow(one), at })) : [],
      ),
    channels: async () => (await ask<{ id: string; name: string }[]>('channels')).map(({ id, name }) => `${id} (${name})`),
    bridges: () => ask<Bridge[]>('bridges'),
    async stop() {
      await stop();
      for (const server of [hubSpot, openAi, elevenLabs]) await server.close();
      await listeners?.stop();
    },
  };
}

function toRow(properties: Record<string, string>): Sightings['rows'][number] {
  return {
    number: properties.hs_call_to_number ?? '',
    attempt: properties.ringfence_attempt ?? '',
    disposition: properties.hs_call_title?.split(': ').at(-1) ?? '',
    durationMs: Number(properties.hs_call_duration),
  };
}

function inputsOf(body: unknown): Record<string, string>[] {
  const { inputs = [], properties } = (body ?? {}) as {
    inputs?: { properties: Record<string, string> }[];
    properties?: Record<string, string>;
  };
  return [...inputs.map((input) => input.properties), ...(properties === undefined ? [] : [properties])].filter(
    (one) => one.hs_call_title !== undefined,
  );
}

/** Whoever has a number that begins so picks up. */
const NUMBERS: Record<Story, string> = { call: '+12026', transfer: '+12027', brief: '+12029' };
const COLLEAGUES = '+12028';
const ROLES = { [NUMBERS.call]: 'talks', [NUMBERS.brief]: 'brief', [NUMBERS.transfer]: 'wants-a-person', [COLLEAGUES]: 'colleague' };

/** Everybody in the country picks up, but for those whom the file names. */
function endlessPeople(): People & Pick<ChaosWorld, 'talks' | 'colleagueHangsUp'> {
  const people = loadPeople(join(import.meta.dirname, 'people.yaml'));
  const lines = new Map<string, () => void>();
  const hungUp = new Set<string>();
  return {
    ...people,
    pickUp(persona, line) {
      lines.set(persona.number, () => line.hangUp());
      return people.pickUp(persona, line);
    },
    colleagueHangsUp(number) {
      hungUp.add(number);
      lines.get(number)?.();
    },
    talks: () => people.log.map((talk) => ({ ...talk, endedBy: hungUp.has(talk.number) ? 'person' : talk.endedBy })),
    byNumber(number) {
      const role = ROLES[number.slice(0, COLLEAGUES.length)];
      return role === undefined ? people.byNumber(number) : { ...people.byRole(role), number };
    },
  };
}

async function sandboxTelephony(): Promise<Telephony> {
  const people = endlessPeople();
  const asterisk = await startAsteriskSandbox({ people, endpoints: ['PJSIP/trunk'] });
  return {
    ari: { ARI_URL: asterisk.url, ARI_USERNAME: asterisk.username, ARI_PASSWORD: asterisk.password },
    dialString: 'PJSIP/{e164}@trunk',
    busy: people.byRole('busy').number,
    maxCallMs: 15_000,
    dials: async () =>
      asterisk.dials.map(({ number, at, channelId }) => ({ number, at, attempt: /-(a[0-9a-f]{24})\./.exec(channelId)?.[1] })),
    talks: people.talks,
    colleagueHangsUp: people.colleagueHangsUp,
    restartAsterisk: (downMs) => asterisk.restart({ downMs }),
    stop: () => asterisk.close(),
  };
}

const DATA_DIR = join(import.meta.dirname, '../../data');

async function realTelephony(): Promise<Telephony> {
  let asterisk = await startRealAsterisk({ dataDir: DATA_DIR });
  const { ariUrl, username, password, trunkPort, home, tree } = asterisk;
  // Its folder outlives the Asterisk that it was made for.
  const carrier = await startCarrier({ tree, home: `${home}-carrier`, trunkPort });
  return {
    ari: { ARI_URL: ariUrl, ARI_USERNAME: username, ARI_PASSWORD: password },
    dialString: asterisk.dialStrings.trunk,
    busy: CARRIER_NUMBERS[486],
    maxCallMs: 6_000,
    // The carrier answers whom it doesn't know, and echoes.
    dials: async () => (await carrier.invites()).map(({ number, at }) => ({ number: number.startsWith('+') ? number : `+${number}`, at })),
    // SIPp doesn't tell.
    talks: () => undefined,
    colleagueHangsUp: () => undefined,
    async restartAsterisk(downMs) {
      process.kill(asterisk.pid, 'SIGKILL');
      await asterisk.stop();
      await sleep(downMs);
      asterisk = await startRealAsterisk({ dataDir: DATA_DIR, httpPort: Number(new URL(ariUrl).port), password, trunkPort });
    },
    async stop() {
      await carrier.stop();
      await asterisk.stop();
      await rm(`${home}-carrier`, { recursive: true, force: true });
    },
  };
}
