import {
  convertIPv4MappedIPv6ToIPv4,
  convertIPv4ToBinary,
  convertIPv6ToBinary,
  isIPv4MappedIPv6,
} from "hono/utils/ipaddr";

/** An IP address as a number; an IPv4 address written as IPv6 (`::ffff:10.0.0.1`) is the IPv4 one. */
export interface IpAddress {
  bits: 32 | 128;
  value: bigint;
}

/** A block of addresses, for example `10.8.0.0/16`. */
export interface IpRange extends IpAddress {
  prefix: number;
}

/** Undefined when the text is no IP address; ports and brackets are not part of one. */
export function parseIpAddress(text: string): IpAddress | undefined {
  try {
    if (!text.includes(":")) return { bits: 32, value: convertIPv4ToBinary(text) };
    const value = convertIPv6ToBinary(text);
    if (isIPv4MappedIPv6(value)) return { bits: 32, value: convertIPv4MappedIPv6ToIPv4(value) };
    return { bits: 128, value };
  } catch {
    return undefined;
  }
}

/** Reads `10.8.0.0/16`, `fd00::/8` or a single address. */
export function parseIpRange(text: string): IpRange | undefined {
  const [base = "", prefixText, ...rest] = text.split("/");
  const address = parseIpAddress(base);
  if (!address || rest.length > 0) return undefined;
  if (prefixText === undefined) return { ...address, prefix: address.bits };
  const prefix = /^\d{1,3}$/.test(prefixText) ? Number(prefixText) : Number.NaN;
  return prefix <= address.bits ? { ...address, prefix } : undefined;
}

export function isInIpRange(address: IpAddress, range: IpRange): boolean {
  if (address.bits !== range.bits) return false;
  const shift = BigInt(range.bits - range.prefix);
  return address.value >> shift === range.value >> shift;
}

/** 127.0.0.0/8 or ::1. */
export function isLoopbackAddress(text: string): boolean {
  const address = parseIpAddress(text);
  if (!address) return false;
  return address.bits === 32 ? address.value >> 24n === 127n : address.value === 1n;
}

/** What one sender is counted under: an IPv4 address, or the /64 network that one IPv6 customer gets. */
export function toRateLimitSource(text: string): string {
  const address = parseIpAddress(text);
  if (!address) return "unknown";
  return address.bits === 32 ? `4:${address.value}` : `6:${address.value >> 64n}`;
}

/**
 * The client's address: the connection's own, or, when that is a trusted proxy, the last address in
 * `X-Forwarded-For` that is not one. What a stranger writes into the header counts for nothing.
 */
export function resolveClientAddress(
  connection: string,
  forwardedFor: string | undefined,
  trusted: readonly IpRange[],
): string {
  let client = connection;
  const hops = forwardedFor?.split(",").map((hop) => hop.trim()) ?? [];
  while (hops.length > 0) {
    const address = parseIpAddress(client);
    if (!address || !trusted.some((range) => isInIpRange(address, range))) break;
    const hop = hops.pop() ?? "";
    if (!parseIpAddress(hop)) break;
    client = hop;
  }
  return client;
}
