import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Whole calls and outages in real time: a quarter of a minute and more, most of it waiting. The longest is first. */
const LONG = [
  'chaos/chaos',
  'call/transfer',
  'scenarios/several-processes',
  'scenarios/transfer-worker-killed',
  'scenarios/openai-quota',
  'wire-media',
  'conversation/whole-call',
  'conversation/whole-call-agent',
  'scenarios/transfer',
  'scenarios/first-call',
  'scenarios/trunk-refuses',
  'scenarios/redis-restarts',
  'scenarios/health',
  'media/conversation-line',
  'conversation/outages',
  'producer/enqueue-script',
  'alerts/grouping',
  'queue/call-worker',
  'scenarios/opt-out',
  'scenarios/hubspot-down',
  'scenarios/machines',
  'scenarios/ten-thousand-contacts',
  'sandbox/asterisk/media',
  'scenarios/asterisk-restarts',
  'scenarios/redis-fleet',
  'scenarios/elevenlabs-503',
  'scenarios/voice-agent',
  'scenarios/dead-audio',
  'scenarios/worker-stops',
  'scenarios/alert-channel-down',
  'queue/ledger',
  'services/deepgram-speech-to-text',
  'resilience/fleet',
  'asterisk/replaced-leg',
  'asterisk/people',
  'asterisk/media-leg',
  'asterisk/transfer',
].map((name) => `test/${name}.test.ts`);

/** Begins with what takes longest, so that nothing long is left when everything else is done; by itself vitest knows that from its second run on. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const place = LONG.indexOf(relative(this.ctx.config.root, moduleId));
      return place < 0 ? LONG.length : place;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}
