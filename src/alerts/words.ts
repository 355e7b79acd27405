const NAMES: Readonly<Record<string, string>> = {
  elevenlabs: 'ElevenLabs',
  openai: 'OpenAI',
  deepgram: 'Deepgram',
  hubspot: 'HubSpot',
  'google-sheets': 'Google Sheets',
  asterisk: 'Asterisk',
  redis: 'Redis',
  smtp: 'The mail server',
  telegram: 'Telegram',
  webhook: 'The webhook',
  'outcome-webhook': 'The webhook of outcomes',
};

/** `elevenlabs:text-to-speech` → `ElevenLabs text-to-speech`. */
export function serviceName(service: string): string {
  const [provider = service, ...rest] = service.split(':');
  return [NAMES[provider] ?? provider, ...rest].join(' ');
}

/** `ElevenLabs speech-to-text and text-to-speech`. */
export function serviceNames(services: readonly string[]): string {
  const providers = new Set(services.map((service) => service.split(':')[0] ?? service));
  if (providers.size > 1 || services.length < 2) return services.map(serviceName).join(' and ');
  const [first = '', ...others] = services;
  return [serviceName(first), ...others.map((service) => service.slice(service.indexOf(':') + 1))].join(' and ');
}

/** `2026-11-22 00:07:15 UTC`: whoever reads it hours later, or elsewhere, knows when it was. */
export function timeInWords(unixMs: number): string {
  return new Date(unixMs).toISOString().replace(/T(.*)\.\d+Z$/, ' $1 UTC');
}

/** `45 s`, `12 min`, `3 h 5 min`, `2 d 4 h`: the two largest units that matter. */
export function durationInWords(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  const two = hours < 48 ? [`${hours} h`, `${minutes % 60} min`] : [`${Math.floor(hours / 24)} d`, `${hours % 24} h`];
  return two.filter((part) => !part.startsWith('0 ')).join(' ');
}

/** `1 call`, `2,000 calls`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en-US')} ${count === 1 ? one : many}`;
}
