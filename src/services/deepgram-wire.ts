import type { ServiceSocketOptions } from './service-socket.ts';

/** What is the same for each of Deepgram's websockets. The reason of a close begins with a code. */
export function deepgramWire(url: URL, apiKey: string): Pick<ServiceSocketOptions, 'url' | 'headers' | 'typeField' | 'toBody'> {
  return {
    url,
    headers: { authorization: `Token ${apiKey}` },
    typeField: 'type',
    toBody: (reason) => ({ err_code: /^[A-Z]+-\d{4}/.exec(reason)?.[0], err_msg: reason }),
  };
}
