import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { elevenLabsErrors, errorBody } from './elevenlabs-errors.ts';

export interface Account {
  /** The only key that is let in. Undefined: any. */
  apiKey: string | undefined;
  /** Used so far. */
  characters: number;
}

const CHARACTER_LIMIT = 10_000_000;

export function isKnown(request: { headers: Record<string, unknown> }, { apiKey }: Account): boolean {
  const key = request.headers['xi-api-key'];
  return typeof key === 'string' && key !== '' && (apiKey === undefined || key === apiKey);
}

export function refuseKey(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { status, body } = request.headers['xi-api-key'] ? elevenLabsErrors.invalidApiKey401 : elevenLabsErrors.missingApiKey401;
  return reply.code(status).send(body);
}

/** Subscription and models. */
export function addAccount(app: FastifyInstance, account: Account): void {
  app.get('/v1/user/subscription', (request, reply) => {
    if (!isKnown(request, account)) return refuseKey(request, reply);
    return reply.send({
      tier: 'creator',
      character_count: account.characters,
      character_limit: CHARACTER_LIMIT,
      max_character_limit_extension: 0,
      max_credit_limit_extension: 0,
      can_extend_character_limit: false,
      allowed_to_extend_character_limit: false,
      next_character_count_reset_unix: Math.floor(Date.now() / 1000) + 30 * 86_400,
      voice_slots_used: 1,
      professional_voice_slots_used: 0,
      professional_voice_slots_used_in_workspace: 0,
      voice_limit: 30,
      voice_add_edit_counter: 0,
      professional_voice_limit: 1,
      can_extend_voice_limit: false,
      can_use_instant_voice_cloning: true,
      can_use_professional_voice_cloning: false,
      current_overage: { amount: '0', currency: 'usd' },
      status: 'active',
      open_invoices: [],
      has_open_invoices: false,
    });
  });
  app.get('/v1/models', (request, reply) => {
    if (request.headers['xi-api-key'] === undefined) {
      return reply.code(404).send(errorBody({ type: 'not_found', code: 'workspace_not_found', message: 'Workspace not found.' }));
    }
    if (!isKnown(request, account)) return refuseKey(request, reply);
    return reply.send(['eleven_flash_v2_5', 'eleven_multilingual_v2', 'eleven_v3'].map(describeModel));
  });
}

function describeModel(id: string): Record<string, unknown> {
  const languages = [
    { language_id: 'en', name: 'English' },
    { language_id: 'de', name: 'German' },
  ];
  return {
    model_id: id,
    name: id,
    description: 'A voice of tones.',
    can_be_finetuned: false,
    can_do_text_to_speech: true,
    can_do_voice_conversion: false,
    can_use_style: false,
    can_use_speaker_boost: false,
    serves_pro_voices: false,
    requires_alpha_access: false,
    token_cost_factor: 1,
    max_characters_request_free_user: 2500,
    max_characters_request_subscribed_user: 40_000,
    maximum_text_length_per_request: 40_000,
    languages,
    model_rates: { character_cost_multiplier: 0.5, cost_discount_multiplier: 1 },
    concurrency_group: 'standard',
  };
}
