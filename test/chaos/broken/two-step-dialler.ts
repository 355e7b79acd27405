import type { AriConnection } from '../../../src/telephony/ari-connection.ts';
import type { Dialler } from '../../../src/telephony/dialler.ts';
import { createDialler as createTrueDialler, type DiallerOptions } from '../../../src/telephony/two-step-dialler.ts';

/** Tries again where nobody knows whether the phone rang. */
export function createDialler(connection: AriConnection, options: DiallerOptions): Dialler {
  const dialler = createTrueDialler(connection, options);
  return {
    async dial(request) {
      const result = await dialler.dial(request);
      return result.kind === 'unknown' ? dialler.dial({ ...request, channelId: `${request.channelId}again` }) : result;
    },
  };
}
