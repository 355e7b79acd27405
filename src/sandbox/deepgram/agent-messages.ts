import { z } from 'zod';

/** What a client may send to the voice agent, as the service's description has it. Only what a phone needs: raw PCM, tools that the client runs. */

const pcm = z.object({
  encoding: z.literal('linear16'),
  sample_rate: z.number().int().multipleOf(8000).min(8000).max(48_000),
});
const endpoint = z.strictObject({ url: z.url(), headers: z.record(z.string(), z.string()) });

const Listen = z.strictObject({
  provider: z.union([
    z.strictObject({
      type: z.literal('deepgram'),
      version: z.literal('v2'),
      model: z.enum(['flux-general-en', 'flux-general-multi']),
      language_hints: z.array(z.string()).optional(),
      eot_threshold: z.number().min(0.5).max(0.9).optional(),
      eot_timeout_ms: z.number().int().optional(),
    }),
    z.strictObject({
      type: z.literal('deepgram'),
      version: z.literal('v1').optional(),
      model: z.string().startsWith('nova-').optional(),
      language: z.string().default('en-US'),
      smart_format: z.boolean().default(false),
    }),
  ]),
});

const Speak = z.strictObject({
  provider: z.union([
    z.strictObject({ type: z.literal('deepgram'), version: z.literal('v2'), model: z.string().startsWith('flux-') }),
    z.strictObject({ type: z.literal('deepgram'), version: z.literal('v1').optional(), model: z.string().startsWith('aura-') }),
    z.strictObject({ type: z.literal('eleven_labs'), model_id: z.string(), language_code: z.string().optional() }),
  ]),
  endpoint: endpoint.optional(),
});

const Tool = z.strictObject({
  name: z.string(),
  description: z.string(),
  parameters: z.looseObject({ type: z.literal('object') }),
  defer_until_eot: z.boolean().default(false),
});

const Think = z.strictObject({
  provider: z.strictObject({
    type: z.enum(['open_ai', 'anthropic', 'google', 'groq', 'aws_bedrock']),
    model: z.string(),
    temperature: z.number().min(0).max(2).optional(),
  }),
  endpoint: endpoint.optional(),
  functions: z.array(Tool).default([]),
  /** What a managed model takes. */
  prompt: z.string().max(25_000).default(''),
});
export type Think = z.infer<typeof Think>;

const FunctionCall = z.strictObject({
  id: z.string(),
  name: z.string(),
  client_side: z.boolean(),
  arguments: z.string(),
  response: z.string(),
  thought_signature: z.string().optional(),
});
const History = z.union([
  z.strictObject({ type: z.literal('History'), role: z.enum(['user', 'assistant']), content: z.string() }),
  z.strictObject({ type: z.literal('History'), function_calls: z.array(FunctionCall) }),
]);
export type History = z.infer<typeof History>;

const Settings = z.strictObject({
  type: z.literal('Settings'),
  tags: z.array(z.string()).optional(),
  flags: z.strictObject({ history: z.boolean().default(true) }).optional(),
  mip_opt_out: z.boolean().optional(),
  audio: z.strictObject({ input: pcm, output: pcm.extend({ container: z.literal('none').default('none') }) }),
  agent: z.strictObject({
    language: z.string().optional(),
    context: z.strictObject({ messages: z.array(History) }).optional(),
    listen: Listen,
    think: Think,
    speak: Speak,
    greeting: z.string().optional(),
  }),
});
export type AgentSettings = z.infer<typeof Settings>;

export const ClientMessage = z.discriminatedUnion('type', [
  Settings,
  z.strictObject({ type: z.literal('KeepAlive') }),
  z.strictObject({ type: z.literal('UpdatePrompt'), prompt: z.string() }),
  z.strictObject({ type: z.literal('UpdateThink'), think: Think }),
  z.strictObject({ type: z.literal('UpdateSpeak'), speak: Speak }),
  z.strictObject({ type: z.literal('InjectUserMessage'), content: z.string().min(1) }),
  z.strictObject({
    type: z.literal('InjectAgentMessage'),
    message: z.string().min(1),
    behavior: z.enum(['default', 'queue', 'interrupt']).default('default'),
  }),
  z.strictObject({
    type: z.literal('FunctionCallResponse'),
    id: z.string(),
    name: z.string(),
    content: z.string(),
    thought_signature: z.string().optional(),
  }),
]);
export type ClientMessage = z.infer<typeof ClientMessage>;
