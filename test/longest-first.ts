import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Whole calls and outages in real time: half a minute each, most of it waiting. The longest is first. */
const LONG = [
  'scenarios/trunk-refuses',
  'chaos/chaos',
  'wire-media',
  'conversation/whole-call',
  'conversation/whole-call-agent',
  'scenarios/transfer',
  'scenarios/first-call',
  'scenarios/openai-quota',
  'scenarios/several-processes',
  'call/transfer',
  'scenarios/redis-restarts',
  'scenarios/health',
  'media/conversation-line',
  'conversation/outages',
  'queue/call-worker',
  'scenarios/opt-out',
  'scenarios/hubspot-down',
  'queue/ledger',
  'scenarios/machines',
  'scenarios/ten-thousand-contacts',
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
