import { join } from 'node:path';
import type { Alerts } from './alerts/alerts.ts';
import type { CallDeps } from './call/call-deps.ts';
import { partPrefix } from './call/channel-id.ts';
import { createOpeningLines } from './call/opening-lines.ts';
import type { Config } from './config.ts';
import { createConversation } from './conversation/conversation.ts';
import type { Logger } from './logger.ts';
import { createRecorder } from './media/recorder.ts';
import { createEnergySpeechDetector } from './media/speech-detector-energy.ts';
import { connectWebsocketLeg } from './media/websocket-leg.ts';
import type { CampaignStore } from './queue/campaign-store.ts';
import type { Ledger } from './queue/ledger.ts';
import type { BreakerPolicy } from './resilience/breaker-policy.ts';
import type { Breakers } from './resilience/breakers.ts';
import type { AriConnection } from './telephony/ari-connection.ts';
import { bridgeTogether, openExternalMedia } from './telephony/external-media.ts';
import { unansweredMeaning } from './telephony/hangup-causes.ts';
import { hangUpSurely } from './telephony/remove-until-gone.ts';
import { createDialler } from './telephony/two-step-dialler.ts';
import { createCallFences } from './wire-fences.ts';
import type { Services } from './wire-services.ts';

/** How long Asterisk may take to start a media leg. It takes 20 ms when well. */
const MEDIA_CONNECT_TIMEOUT_MS = 5_000;

export interface CallParts {
  config: Config;
  log: Logger;
  ledger: Ledger;
  campaigns: CampaignStore;
  asterisk: AriConnection;
  services: Services;
  breakers: Breakers;
  alerts: Alerts;
  /** Of a trunk's breaker. */
  policy: BreakerPolicy;
}

/** Puts the parts together into what a call needs. */
export function wireCalls({ config, log, ledger, campaigns, asterisk, services, breakers, alerts, policy }: CallParts): CallDeps {
  const sampleRate = config.mediaSampleRate;
  const { preparing, talking, crm, required } = services;
  return {
    ledger,
    sheet: config.googleSheets !== undefined,
    campaigns,
    crm,
    crmPatienceMs: config.crmPatienceMs,
    redial: { interruptedMs: config.redialInterruptedMs },
    now: Date.now,
    log,
    openingLines: createOpeningLines(preparing.textToSpeech, sampleRate),
    fences: createCallFences({ breakers, required, trunk: { policy } }),
    alertCallFailed: (failed) => alerts.raise({ kind: 'call-failed', ...failed }),
    telephony: {
      unavailable: () =>
        asterisk.state === 'connected' ? undefined : `Asterisk at ${asterisk.origin} is not connected (${asterisk.state})`,
      dialler: createDialler(asterisk, { logger: log }),
      hangUp: (channelId) => hangUpSurely(asterisk, channelId),
      explain: unansweredMeaning,
    },
    async openAudio(call, signal) {
      const installation = await ledger.installation();
      const nameOf = (part: 'media' | 'bridge') => partPrefix(installation, part, call);
      return openAudio({ asterisk, log, sampleRate, nameOf }, signal);
    },
    openConversation: (request, onTranscript) =>
      createConversation(request, {
        onTranscript,
        ...talking,
        speechToText: preparing.speechToText,
        log,
        detector: createEnergySpeechDetector({ sampleRate }),
      }),
    async openRecording(attemptId, leg) {
      const file = `${attemptId}.wav`;
      const recorder = createRecorder({ path: join(config.dataDir, 'recordings', file), sampleRate });
      leg.onFrame((frame) => recorder.callee(frame));
      leg.onPlayed((pcm) => recorder.agent(pcm));
      return {
        file,
        async close() {
          const { error } = await recorder.close();
          if (error !== undefined) throw error;
        },
      };
    },
  };
}

interface AudioParts {
  asterisk: AriConnection;
  log: Logger;
  sampleRate: 8000 | 16000 | 24000;
  /** What the names of the call's parts in Asterisk begin with. */
  nameOf: (part: 'media' | 'bridge') => string;
}

async function openAudio({ asterisk, log, sampleRate, nameOf }: AudioParts, signal: AbortSignal) {
  const media = await openExternalMedia(asterisk, { sampleRate, logger: log, idPrefix: nameOf('media') });
  let bridge: Awaited<ReturnType<typeof bridgeTogether>> | undefined;
  try {
    const { channelId, mediaUrl } = media;
    const leg = await connectWebsocketLeg({ mediaUrl, channelId, sampleRate, signal, connectTimeoutMs: MEDIA_CONNECT_TIMEOUT_MS });
    await media.started();
    return {
      leg,
      async join(calleeChannelId: string) {
        bridge = await bridgeTogether(asterisk, [calleeChannelId, channelId], log, nameOf('bridge'));
      },
      async close() {
        await Promise.allSettled([leg.close(), media.hangup(), bridge?.destroy()]);
      },
    };
  } catch (error) {
    await media.hangup();
    throw error;
  }
}
