import type { AriOperations } from './ari-operations.ts';

/** How a call's audio travels: by Asterisk's media websocket, or by AudioSocket. */
export type MediaKind = 'websocket' | 'audiosocket';

export interface MediaSupport {
  kind: MediaKind;
  /** For a human: what in this Asterisk decided. */
  why: string;
}

/**
 * The first release of each branch whose `chan_websocket` reports what was played (`MARK_MEDIA`), without which we don't know what a callee has heard.
 * Branches that aren't listed: older ones lack it, newer ones have it.
 */
const FIRST_WITH_MARKS: Readonly<Record<number, number>> = { 20: 18, 22: 8, 23: 2 };
const NEWEST_LISTED = 23;

/** What this Asterisk can do best. Asks it: rejects with a `ServiceError` when it doesn't answer. */
export async function bestMediaKind(asterisk: Pick<AriOperations, 'getVersion' | 'hasModule'>): Promise<MediaSupport> {
  const [version, loaded] = await Promise.all([asterisk.getVersion(), asterisk.hasModule('chan_websocket.so')]);
  if (!loaded) return { kind: 'audiosocket', why: `Asterisk ${version} has no chan_websocket loaded` };
  if (!reportsPlayout(version))
    return { kind: 'audiosocket', why: `chan_websocket of Asterisk ${version} does not report what was played` };
  return { kind: 'websocket', why: `Asterisk ${version} has chan_websocket` };
}

/** What is no release (built from git) is taken for a new one. */
export function reportsPlayout(version: string): boolean {
  const [, major, minor] = /^(?:certified[-/])?(\d+)\.(\d+)/.exec(version) ?? [];
  if (major === undefined) return true;
  const first = FIRST_WITH_MARKS[Number(major)];
  return first === undefined ? Number(major) > NEWEST_LISTED : Number(minor) >= first;
}
