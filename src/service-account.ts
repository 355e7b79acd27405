import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** Who writes to Google Sheets. */
export interface ServiceAccount {
  clientEmail: string;
  privateKey: string;
}

const KeyFile = z.object({
  type: z.literal('service_account'),
  client_email: z.email(),
  private_key: z.string().refine(isPrivateKey),
});

/** The content of a key file as Google hands it out; undefined when it is anything else. */
export function parseServiceAccount(text: string): ServiceAccount | undefined {
  try {
    const { client_email, private_key } = KeyFile.parse(JSON.parse(text));
    return { clientEmail: client_email, privateKey: private_key };
  } catch {
    return undefined;
  }
}

/** The same from a file; undefined also when it can't be read. */
export function readServiceAccount(path: string): ServiceAccount | undefined {
  try {
    return parseServiceAccount(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

function isPrivateKey(pem: string): boolean {
  try {
    createPrivateKey(pem);
    return true;
  } catch {
    return false;
  }
}
