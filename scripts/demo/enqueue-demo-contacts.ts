import type { Config } from '../../src/config.ts';
import { loadCampaign } from '../../src/producer/campaign-file.ts';
import { openContactFile } from '../../src/producer/contact-file.ts';
import { enqueueContacts } from '../../src/producer/enqueue.ts';
import { createRejectedFile } from '../../src/producer/rejected-file.ts';
import { openContactSink } from '../../src/wire-producer.ts';

const CONTACTS = 'examples/contacts.csv';
const CAMPAIGN = 'campaigns/appointment-reminder.yaml';

/** The shipped example, with two changes: it dials the sandbox's people, and they may be called at any hour. */
export async function enqueueDemoContacts(config: Config, dialString: string): Promise<void> {
  const campaign = { ...(await loadCampaign(CAMPAIGN)), dialString, hours: { from: '00:00', to: '24:00' } };
  const contacts = await openContactFile({ path: CONTACTS, stdin: process.stdin });
  const rejected = await createRejectedFile(`${config.dataDir}/contacts.rejected.csv`, contacts.headers);
  const sink = await openContactSink(config, campaign);
  try {
    const counts = await enqueueContacts({
      contacts,
      campaign,
      sink,
      rejected,
      country: 'US',
      update: false,
      dryRun: false,
      onProgress: () => {},
      signal: new AbortController().signal,
    });
    console.log(`${CONTACTS}: ${counts.added} contacts enqueued for campaign ${campaign.name}, ${counts.rejected} rejected.\n`);
  } finally {
    await rejected.close();
    await sink.close();
  }
}
