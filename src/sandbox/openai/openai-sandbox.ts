import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { sleep } from '../../sleep.ts';
import { createFaultSwitch } from '../faults.ts';
import { createSandboxApp, listenOnLoopback, type SandboxServer } from '../sandbox-server.ts';
import { type Brain, type BrainReply, type BrainRequest, createRuleBrain } from './brain.ts';
import { errorBody, openAiErrors, toSse } from './openai-errors.ts';
import { type RealtimeSandbox, serveRealtime } from './realtime.ts';
import { createResponseWriter, type ResponseWriter, type SseEvent } from './response-events.ts';
import { speakAloud } from './speech.ts';

export interface OpenAiSandboxOptions {
  /** The only key that is let in. Without it, any. */
  apiKey?: string | undefined;
  port?: number | undefined;
  /** What is answered. Default: the rules of brain.yaml. */
  brain?: Brain | undefined;
  /** The only models that exist. Without it, any. */
  models?: string[] | undefined;
  /** From the request to the first word. Milliseconds. */
  firstWordMs?: number;
  /** Between two words, so that the first sentence is complete well before the last. Milliseconds. */
  wordMs?: number;
}

export interface OpenAiSandbox extends SandboxServer {
  /** `url` with `/v1`, as the SDK wants it. */
  baseUrl: string;
  /** What the brain was asked and what it replied, oldest first. */
  readonly replies: { request: BrainRequest; reply: BrainReply }[];
  /** Every text that was asked for and synthesized, oldest first. */
  readonly spoken: string[];
  /** Who listens. */
  readonly realtime: RealtimeSandbox;
}

const Text = z.union([z.string(), z.array(z.object({ text: z.string().optional(), refusal: z.string().optional() })).transform(joinText)]);

const Item = z.union([
  z.object({ type: z.literal('function_call'), call_id: z.string(), name: z.string(), arguments: z.string() }),
  z.object({ type: z.literal('function_call_output'), call_id: z.string(), output: z.union([z.string(), z.array(z.unknown())]) }),
  z.object({ type: z.literal('message').optional(), role: z.enum(['user', 'assistant', 'system', 'developer']), content: Text }),
]);
type Item = z.infer<typeof Item>;

const Create = z.object({
  model: z.string(),
  instructions: z.string().nullish(),
  input: z.union([z.string().transform((content): Item[] => [{ role: 'user', content }]), z.array(Item)]),
  tools: z.array(z.looseObject({ type: z.string(), name: z.string().optional() })).default([]),
  stream: z.boolean().nullish(),
  store: z.boolean().nullish(),
});
type Create = z.infer<typeof Create>;

interface World {
  apiKey: string | undefined;
  models: string[] | undefined;
  brain: Brain;
  firstWordMs: number;
  wordMs: number;
  replies: OpenAiSandbox['replies'];
}

/** OpenAI in miniature: the Responses API, streamed or not, with function calls; speech; realtime transcription; the models. */
export async function startOpenAiSandbox(options: OpenAiSandboxOptions = {}): Promise<OpenAiSandbox> {
  const { apiKey, models, brain = createRuleBrain(), firstWordMs = 60, wordMs = 10 } = options;
  const world: World = { apiKey, models, brain, firstWordMs, wordMs, replies: [] };
  const faults = createFaultSwitch({ presets: openAiErrors });
  const app = createSandboxApp(faults);
  const isKnown = (authorization: string | undefined) =>
    authorization !== undefined && (apiKey === undefined || authorization === `Bearer ${apiKey}`);
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', `req_${randomUUID().replaceAll('-', '')}`);
    if (isKnown(request.headers.authorization)) return;
    return reply.code(401).send(openAiErrors.invalidApiKey401.body);
  });
  app.post('/v1/responses', (request, reply) => respond(world, request, reply));
  const spoken: string[] = [];
  const speech = {
    spoken,
    exists: (model: string) => exists(world, model),
    refuseModel: (reply: FastifyReply) => reply.code(404).send(openAiErrors.modelNotFound404.body),
  };
  app.post('/v1/audio/speech', (request, reply) => speakAloud(speech, request, reply));
  app.get('/v1/models/:model', (request, reply) => {
    const { model } = request.params as { model: string };
    if (!exists(world, model)) return reply.code(404).send(openAiErrors.modelNotFound404.body);
    return reply.send({ id: model, object: 'model', created: 1_750_000_000, owned_by: 'system' });
  });
  const realtime = serveRealtime({ app, faults, isKnown, exists: (model) => exists(world, model) });
  const server = await listenOnLoopback(app, faults, options.port);
  return { ...server, baseUrl: `${server.url}/v1`, replies: world.replies, spoken, realtime };
}

function exists({ models }: World, model: string): boolean {
  return models?.includes(model) ?? true;
}

async function respond(world: World, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const parsed = Create.safeParse(request.body);
  if (!parsed.success) return reply.code(400).send(invalidBody(parsed.error));
  const create = parsed.data;
  if (!exists(world, create.model)) return reply.code(404).send(openAiErrors.modelNotFound404.body);
  const mistake = mismatchedCall(create.input);
  if (mistake !== undefined) {
    return reply.code(400).send(errorBody({ type: 'invalid_request_error', code: null, param: 'input', message: mistake }));
  }
  const asked = toBrainRequest(create);
  const thought = world.brain(asked);
  world.replies.push({ request: asked, reply: thought });
  const writer = createResponseWriter({ ...create, inputTokens: Math.ceil(JSON.stringify(request.body).length / 4) });
  if (create.stream) {
    reply.header('content-type', 'text/event-stream; charset=utf-8').header('cache-control', 'no-cache');
    return reply.send(Readable.from(streamed(writer, thought, world), { objectMode: false }));
  }
  for (const _ of write(writer, thought));
  return reply.send(writer.response());
}

async function* streamed(writer: ResponseWriter, thought: BrainReply, { firstWordMs, wordMs }: World): AsyncGenerator<string> {
  let first = true;
  for (const event of write(writer, thought)) {
    if (event.event === 'response.output_text.delta') await sleep(first ? firstWordMs : wordMs);
    if (event.event === 'response.output_text.delta') first = false;
    yield toSse(event);
  }
}

function* write(writer: ResponseWriter, { text, toolCalls = [] }: BrainReply): Generator<SseEvent> {
  yield* writer.start();
  if (text) {
    yield* writer.beginText();
    for (const delta of text.match(/\s*\S+|\s+$/g) ?? []) yield* writer.textDelta(delta);
    yield* writer.endText();
  }
  for (const { name, arguments: values } of toolCalls) yield* writer.toolCall({ name, arguments: JSON.stringify(values) });
  yield* writer.complete();
}

/** The real service refuses a call without its output, and an output without its call. */
function mismatchedCall(items: readonly Item[]): string | undefined {
  const open = new Set<string>();
  for (const item of items) {
    if (item.type === 'function_call') open.add(item.call_id);
    else if (item.type === 'function_call_output' && !open.delete(item.call_id)) {
      return `No tool call found for function call output with call_id ${item.call_id}.`;
    }
  }
  const [unanswered] = open;
  return unanswered === undefined ? undefined : `No tool output found for function call ${unanswered}.`;
}

function toBrainRequest({ instructions, input, tools }: Create): BrainRequest {
  const messages = input.flatMap((item) =>
    'role' in item ? [{ role: item.role === 'developer' ? ('system' as const) : item.role, text: item.content }] : [],
  );
  return {
    instructions: instructions ?? '',
    messages,
    heard: messages.findLast(({ role }) => role === 'user')?.text ?? '',
    turn: messages.filter(({ role }) => role === 'user').length,
    tools: tools.flatMap(({ name }) => name ?? []),
    afterTool: input.at(-1)?.type === 'function_call_output',
  };
}

function joinText(parts: { text?: string | undefined; refusal?: string | undefined }[]): string {
  return parts.map(({ text, refusal }) => text ?? refusal ?? '').join('');
}

function invalidBody(error: z.ZodError): unknown {
  const [issue] = error.issues;
  const param = issue?.path.join('.') || null;
  const missing = issue?.code === 'invalid_type' && issue.input === undefined;
  const message = missing ? `Missing required parameter: '${param}'.` : `Invalid value for '${param}': ${issue?.message}.`;
  return errorBody({ type: 'invalid_request_error', code: missing ? 'missing_required_parameter' : 'invalid_value', param, message });
}
