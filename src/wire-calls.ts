import { join } from 'node:path';
import type { Alerts } from './alerts/alerts.ts';
import { createApologyByAsterisk } from './call/apology-by-asterisk.ts';
import type { CallDeps } from './call/call-deps.ts';
import { partPrefix } from './call/channel-id.ts';
import { createOpeningLines } from './call/opening-lines.ts';
import { createReadyLines } from './call/ready-lines.ts';
import type { Config } from './config.ts';
import { createConversation } from './conversation/conversation.ts';
import type { Logger } from './logger.ts';
import type { CampaignStore } from './queue/campaign-store.ts';
import type { DoNotCall } from './queue/do-not-call.ts';
import type { Ledger } from './queue/ledger.ts';
import type { ParkWaiting } from './queue/park-waiting.ts';
import type { BreakerPolicy } from './resilience/breaker-policy.ts';
import type { Breakers } from './resilience/breakers.ts';
import { adoptTalk } from './telephony/adopt-talk.ts';
import type { AriConnection } from './telephony/ari-connection.ts';
import { unansweredMeaning } from './telephony/hangup-causes.ts';
import { hangUpSurely } from './telephony/remove-until-gone.ts';
import { createDialler } from './telephony/two-step-dialler.ts';
import type { TrunkWatch } from './watch-trunks.ts';
import { createCallFences } from './wire-fences.ts';
import type { Media } from './wire-media.ts';
import type { Services } from './wire-services.ts';

export interface CallParts {
  config: Config;
  log: Logger;
  ledger: Ledger;
  doNotCall: DoNotCall;
  lookNow: (attemptId: string) => Promise<void>;
  redialWritten: () => void;
  campaigns: CampaignStore;
  asterisk: AriConnection;
  media: Media;
  services: Services;
  breakers: Breakers;
  alerts: Alerts;
  parkWaiting: ParkWaiting;
  /** Of a trunk's breaker. */
  policy: BreakerPolicy;
  trunks: TrunkWatch;
  /** Aborts when this process can wait no longer for its calls. */
  leave: AbortSignal;
}

/** Puts the parts together into what a call needs. */
export function wireCalls(parts: CallParts): CallDeps {
  const {
    config,
    log,
    ledger,
    doNotCall,
    lookNow,
    redialWritten,
    campaigns,
    asterisk,
    media,
    services,
    breakers,
    alerts,
    parkWaiting,
    policy,
    trunks,
    leave,
  } = parts;
  const sampleRate = config.mediaSampleRate;
  const { preparing, talking, ai, crm, required } = services;
  const folder = join(config.dataDir, 'speech');
  const readyLines = createReadyLines({ textToSpeech: preparing.textToSpeech, sampleRate, folder, log });
  return {
    ledger,
    doNotCall,
    lookNow,
    redialWritten,
    campaigns,
    crm,
    crmPatienceMs: config.crmPatienceMs,
    sheet: config.googleSheets !== undefined,
    outcomeWebhook: config.outcomeWebhook !== undefined,
    redial: { interruptedMs: config.redialInterruptedMs },
    leave,
    now: Date.now,
    log,
    openingLines: createOpeningLines(preparing.textToSpeech, sampleRate),
    readyLines,
    apologyByAsterisk: createApologyByAsterisk({ folder, asAsteriskSees: config.asteriskSpeechDir, sampleRate, log }),
    fences: createCallFences({ breakers, required, trunk: { policy }, trunks, heldBackWaitMs: config.heldBackWaitMs }),
    parkWaiting,
    alertCallFailed: (failed) => alerts.raise({ kind: 'call-failed', ...failed }),
    telephony: {
      unavailable: () =>
        asterisk.state === 'connected' ? undefined : `Asterisk at ${asterisk.origin} is not connected (${asterisk.state})`,
      dialler: createDialler(asterisk, { logger: log }),
      hangUp: (channelId) => hangUpSurely(asterisk, channelId),
      adoptTalk: (channels) => adoptTalk(asterisk, channels, log),
      explain: unansweredMeaning,
    },
    async openAudio(call, signal) {
      const installation = await ledger.installation();
      return media.openAudio(signal, (part) => partPrefix(installation, part, call));
    },
    colleagueEars: 'speechToText' in ai ? ai.speechToText : undefined,
    openConversation: (request, onTranscript) =>
      createConversation(request, {
        onTranscript,
        ...talking,
        ...ai,
        readyLines: readyLines.of(request.campaign),
        calleePatienceMs: config.calleePatienceMs,
        log,
      }),
    async openRecording(attemptId, audio) {
      const file = `${attemptId}.wav`;
      const recording = audio.record(join(config.dataDir, 'recordings', file));
      return {
        file,
        async close() {
          const { error } = await recording.close();
          if (error !== undefined) throw error;
        },
      };
    },
  };
}
