import { lookup as resolve } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { fault } from '../error-classification/classify.ts';

/**
 * Addresses that lead back into our own machine or network (RFC 6890 and its IPv6 kin), and those that carry an IPv4
 * address inside, which could. An IPv4 address written as IPv6 (`::ffff:…`) is found by the list itself.
 */
const PRIVATE = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  // Among them 169.254.169.254, where clouds hand out keys.
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const) {
  PRIVATE.addSubnet(network, prefix, 'ipv4');
}
for (const [network, prefix] of [
  // Unspecified, loopback and the IPv4 addresses of old.
  ['::', 96],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['2001::', 32],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
] as const) {
  PRIVATE.addSubnet(network, prefix, 'ipv6');
}

export function isPrivateAddress(address: string): boolean {
  const [bare = address] = address.split('%');
  const family = isIP(bare);
  // What is no address can't be judged, and so isn't let through.
  return family === 0 || PRIVATE.check(bare, family === 6 ? 'ipv6' : 'ipv4');
}

/** @throws a fault `private-address` for a host that is a private address as it stands: those are never looked up. */
export function refusePrivateLiteral(host: string): void {
  const bare = host.replace(/^\[|\]$/g, '');
  if (isIP(bare) !== 0 && isPrivateAddress(bare)) throw refusal(host);
}

/**
 * Looks a name up for a connection and refuses private answers. The very answer that was judged is connected to, so a name
 * that changes its mind between a check and the connection gains nothing. One private address among public ones is enough.
 */
export const lookupPublic: LookupFunction = (host, options, done) => {
  resolve(host, { ...options, all: true }, (error, addresses) => {
    const [first] = addresses ?? [];
    if (error || first === undefined) return done(error ?? fault('ENOTFOUND', 'no address'), []);
    if (addresses.some(({ address }) => isPrivateAddress(address))) return done(refusal(host), []);
    if (options.all) done(null, addresses);
    else done(null, first.address, first.family);
  });
};

function refusal(host: string): Error {
  return fault('private-address', `${host} is an address in a private network`);
}
