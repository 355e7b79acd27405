import type { SpeechRequest } from '../services/text-to-speech.ts';
import type { ConversationDeps, ConversationRequest } from './conversation.ts';
import type { Lines } from './lines.ts';
import { playRingTone } from './ring-tone.ts';
import { type BroughtHome, campaignTools } from './tools/campaign-tools.ts';
import { createToolbox, type Toolbox } from './tools/toolbox.ts';

/** What the model can do besides talking, in this campaign. What of it fails is told to the model, and to the log. */
export function setUpTools(request: ConversationRequest, deps: ConversationDeps, lines: Lines, broughtHome: BroughtHome): Toolbox {
  const { campaign, contact, line, crm, leg } = request;
  const wanted = { voice: campaign.voice, language: campaign.language, sampleRate: leg.sampleRate };
  const sound = {
    ringTone: (signal: AbortSignal) => playRingTone(leg, campaign.language, signal),
    render: (text: string, signal: AbortSignal) => render({ ...wanted, text }, deps, signal),
  };
  return createToolbox(campaignTools({ campaign, contact, lines, broughtHome, line, sound, crm }), (error, tool) =>
    deps.log.warn({ err: error, tool }, `the tool ${tool} failed`),
  );
}

/** The sound of a line for somebody else than the callee; undefined when it can't be had. */
async function render(line: SpeechRequest, { textToSpeech, log }: ConversationDeps, signal: AbortSignal): Promise<Buffer | undefined> {
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of textToSpeech.synthesize(line, signal)) chunks.push(chunk);
    return Buffer.concat(chunks);
  } catch (error) {
    log.warn({ err: error }, 'a line could not be rendered');
    return undefined;
  }
}
