import type { MachineLines } from '../conversation/meet-machine.ts';
import type { CallDeps, Ending, OwnedCall } from './call-deps.ts';
import { type CallVerdict, callFacts } from './call-job.ts';
import type { Contact } from './contact.ts';
import { describeError, serviceOf } from './describe-error.ts';
import { isHeldBack } from './held-back.ts';
import type { OpeningLine } from './opening-lines.ts';
import { parkForService } from './park.ts';
import { renderTemplate } from './template.ts';

export interface PreparedCall {
  /** The file's data, completed by the CRM's. */
  contact: Contact;
  crmContactId: string | undefined;
  opening: OpeningLine;
  /** What machines get to hear. */
  machines: MachineLines;
  /** With the contact's data filled in. */
  goodbye: string;
}

/** CRM lookup and the opening line. The CRM is a help, never a condition; without a voice nobody's phone may ring. */
export async function prepare(call: OwnedCall, deps: CallDeps): Promise<PreparedCall | Ending | CallVerdict> {
  call.job.progress('preparing');
  const { contact, crmContactId } = await lookUp(call, deps);
  const { campaign } = call;
  try {
    const render = (texts: string[]) => {
      const parts = texts.filter((part) => part !== '').map((part) => renderTemplate(part, contact));
      return deps.openingLines.render({ parts, voice: campaign.voice, language: campaign.language }, call.job.signal);
    };
    const { greeting, disclosure, goodbye, purpose, voicemail, voicemailMessage } = campaign;
    const opening = await render([greeting, disclosure]);
    // A machine waits for nobody: what it may get to hear is ready before the phone rings, too.
    const introduction = purpose === undefined ? undefined : await render([greeting, purpose]);
    const message = voicemail === 'leave-message' && voicemailMessage !== undefined ? await render([voicemailMessage]) : undefined;
    const machines = { voicemailMessage: message, introduction };
    await deps.readyLines.prepare(campaign, call.job.signal);
    return { contact, crmContactId, opening, machines, goodbye: renderTemplate(goodbye, contact) };
  } catch (error) {
    if (isHeldBack(error)) return parkForService(call, error, deps);
    return {
      disposition: 'failed',
      reason: `the opening line could not be rendered: ${describeError(error)}`,
      service: serviceOf(error),
      crmContactId,
    };
  }
}

async function lookUp({ contact, job }: OwnedCall, deps: CallDeps): Promise<{ contact: Contact; crmContactId: string | undefined }> {
  if (deps.crm === undefined) return { contact, crmContactId: contact.crmId };
  try {
    const signal = AbortSignal.any([job.signal, AbortSignal.timeout(deps.crmPatienceMs)]);
    const found = await deps.crm.findContact({ crmId: contact.crmId, phone: contact.phone }, signal);
    if (found === undefined) {
      job.log('the CRM knows nobody with this number; going on with the data of the file');
      return { contact, crmContactId: undefined };
    }
    job.log(`CRM contact ${found.id}`);
    return {
      contact: { ...contact, name: contact.name ?? found.name, variables: { ...found.properties, ...contact.variables } },
      crmContactId: found.id,
    };
  } catch (error) {
    const reason = describeError(error);
    job.log(`the CRM did not answer (${reason}); going on with the data of the file`);
    deps.log.warn({ ...callFacts(job), service: 'hubspot', err: error }, `CRM lookup failed: ${reason}`);
    return { contact, crmContactId: contact.crmId };
  }
}
