import { join } from 'node:path';
import { startAsteriskSandbox } from '../../src/sandbox/asterisk/asterisk-sandbox.ts';
import { startCarrier } from '../../src/sandbox/carrier.ts';
import { startElevenLabsSandbox } from '../../src/sandbox/elevenlabs/elevenlabs-sandbox.ts';
import { type HubSpotSandbox, startHubSpotSandbox } from '../../src/sandbox/hubspot/hubspot-sandbox.ts';
import { startOpenAiSandbox } from '../../src/sandbox/openai/openai-sandbox.ts';
import { loadPeople } from '../../src/sandbox/people/people.ts';
import { startRealAsterisk } from '../../src/sandbox/real-asterisk.ts';
import type { Sightings } from './sightings.ts';

export type AsteriskKind = 'sandbox' | 'real';

/** The world outside, and what it saw. */
export interface ChaosWorld {
  readonly settings: Record<string, string>;
  readonly dialString: string;
  /** Who can be called. */
  readonly numbers: readonly string[];
  readonly hubSpot: HubSpotSandbox;
  dials(): Promise<Sightings['dials']>;
  rows(): Sightings['rows'];
  told(): Sightings['told'];
  talks(): Sightings['talks'];
  /** Living ones, by id and name. */
  channels(): Promise<string[]>;
  bridges(): Promise<string[]>;
  dropEvents(): void;
  halfOpenEvents(): void;
  restartAsterisk(downMs: number): Promise<void>;
  stop(): Promise<void>;
}

interface Telephony
  extends Pick<ChaosWorld, 'dials' | 'talks' | 'dropEvents' | 'halfOpenEvents' | 'restartAsterisk' | 'dialString' | 'numbers'> {
  ari: { ARI_URL: string; ARI_USERNAME: string; ARI_PASSWORD: string };
  stop(): Promise<void>;
}

export async function startChaosWorld(kind: AsteriskKind): Promise<ChaosWorld> {
  const elevenLabs = await startElevenLabsSandbox({ apiKey: 'chaos-elevenlabs' });
  const openAi = await startOpenAiSandbox({ apiKey: 'chaos-openai' });
  const hubSpot = await startHubSpotSandbox({ accessToken: 'chaos-hubspot' });
  const telephony = await (kind === 'real' ? realTelephony() : sandboxTelephony());
  const { ari, stop, ...seen } = telephony;
  const ask = async <T>(path: string): Promise<T> => {
    const authorization = `Basic ${Buffer.from(`${ari.ARI_USERNAME}:${ari.ARI_PASSWORD}`).toString('base64')}`;
    const response = await fetch(`${ari.ARI_URL}/ari/${path}`, { headers: { authorization } });
    return (await response.json()) as T;
  };
  return {
    ...seen,
    hubSpot,
    settings: {
      ...ari,
      ELEVENLABS_API_KEY: 'chaos-elevenlabs',
      ELEVENLABS_BASE_URL: elevenLabs.url,
      OPENAI_API_KEY: 'chaos-openai',
      OPENAI_BASE_URL: openAi.baseUrl,
      HUBSPOT_ACCESS_TOKEN: 'chaos-hubspot',
      HUBSPOT_BASE_URL: hubSpot.url,
    },
    rows: () => hubSpot.rows.map(({ properties }) => toRow(properties)),
    told: () =>
      hubSpot.faults.requests.flatMap(({ method, body, at }) =>
        method === 'POST' ? inputsOf(body).map((one) => ({ ...toRow(one), at })) : [],
      ),
    channels: async () => (await ask<{ id: string; name: string }[]>('channels')).map(({ id, name }) => `${id} (${name})`),
    bridges: async () => (await ask<{ id: string }[]>('bridges')).map(({ id }) => id),
    async stop() {
      await stop();
      for (const server of [hubSpot, openAi, elevenLabs]) await server.close();
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

async function sandboxTelephony(): Promise<Telephony> {
  const people = loadPeople(join(import.meta.dirname, 'people.yaml'));
  const asterisk = await startAsteriskSandbox({ people, endpoints: ['PJSIP/trunk'] });
  return {
    ari: { ARI_URL: asterisk.url, ARI_USERNAME: asterisk.username, ARI_PASSWORD: asterisk.password },
    dialString: 'PJSIP/{e164}@trunk',
    numbers: people.all.map(({ number }) => number),
    dials: async () => asterisk.dials,
    talks: () => people.log,
    dropEvents: () => asterisk.dropEvents(),
    halfOpenEvents: () => asterisk.halfOpenEvents(),
    restartAsterisk: (downMs) => asterisk.restart({ downMs }),
    stop: () => asterisk.close(),
  };
}

const DATA_DIR = join(import.meta.dirname, '../../data');

async function realTelephony(): Promise<Telephony> {
  const asterisk = await startRealAsterisk({ dataDir: DATA_DIR });
  const carrier = await startCarrier({ tree: asterisk.tree, home: asterisk.home, trunkPort: asterisk.trunkPort });
  const invites = async () =>
    (await carrier.invites()).map(({ number, at }) => ({ number: number.startsWith('+') ? number : `+${number}`, at }));
  return {
    ari: { ARI_URL: asterisk.ariUrl, ARI_USERNAME: asterisk.username, ARI_PASSWORD: asterisk.password },
    dialString: asterisk.dialStrings.trunk,
    // The carrier answers what it doesn't know, and echoes.
    numbers: ['+12025550121', '+12025550122', '+12025550123'],
    dials: invites,
    // SIPp doesn't tell.
    talks: () => undefined,
    dropEvents: () => undefined,
    halfOpenEvents: () => undefined,
    restartAsterisk: async () => undefined,
    async stop() {
      await carrier.stop();
      await asterisk.stop();
    },
  };
}
