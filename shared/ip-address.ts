import {
  convertIPv4MappedIPv6ToIPv4,
  convertIPv4ToBinary,
  convertIPv6ToBinary,
  isIPv4MappedIPv6,
} from "hono/utils/ipaddr";

/** An IP address as a number. An IPv4-mapped IPv6 address (`::ffff:10.0.0.1`) is represented as IPv4. */
export interface IpAddress {
  bits: 32 | 128;
  value: bigint;
}

/** A block of addresses, for example `10.8.0.0/16`. */
export interface IpRange extends IpAddress {
  prefix: number;
}

/** Parses an IP address; undefined when the text is not one. Ports and brackets are not accepted. */
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

/** Parses `10.8.0.0/16`, `fd00::/8` or a single address; undefined when the text is none of these. */
export function parseIpRange(text: string): IpRange | undefined {
  const [base = "", prefixText, ...rest] = text.split("/");
  const address = parseIpAddress(base);
  if (!address || rest.length > 0) return undefined;
  if (prefixText === undefined) return { ...address, prefix: address.bits };
  const prefix = /^\d{1,3}$/.test(prefixText) ? Number(prefixText) : Number.NaN;
  return prefix <= address.bits ? { ...address, prefix } : undefined;
}

/** Parses TRUSTED_PROXIES, whose entries the settings have checked. */
export function parseTrustedProxies(texts: readonly string[]): IpRange[] {
  return texts.flatMap((text) => parseIpRange(text) ?? []);
}

export function isInIpRange(address: IpAddress, range: IpRange): boolean {
  if (address.bits !== range.bits) return false;
  const shift = BigInt(range.bits - range.prefix);
  return address.value >> shift === range.value >> shift;
}

/** Whether an address is in one of these ranges. */
export function isTrustedAddress(text: string, trusted: readonly IpRange[]): boolean {
  const address = parseIpAddress(text);
  return address !== undefined && trusted.some((range) => isInIpRange(address, range));
}

/** 127.0.0.0/8 or ::1. */
export function isLoopbackAddress(text: string): boolean {
  const address = parseIpAddress(text);
  if (!address) return false;
  return address.bits === 32 ? address.value >> 24n === 127n : address.value === 1n;
}

/**
 * Key for rate limits: an IPv4 address, or an IPv6 /64 network, because providers assign a whole /64 to one customer.
 */
export function toRateLimitSource(text: string): string {
  const address = parseIpAddress(text);
  if (!address) return "unknown";
  return address.bits === 32 ? `4:${address.value}` : `6:${address.value >> 64n}`;
}

/**
 * Resolves the client's address: the connection's address, or, when that is a trusted proxy, the last address in
 * `X-Forwarded-For` that is not a trusted proxy. Earlier entries are ignored because clients can forge them.
 */
export function resolveClientAddress(
  connection: string,
  forwardedFor: string | undefined,
  trusted: readonly IpRange[],
): string {
  let client = connection;
  const hops = forwardedFor?.split(",").map((hop) => hop.trim()) ?? [];
  while (hops.length > 0) {
    if (!isTrustedAddress(client, trusted)) break;
    const hop = hops.pop() ?? "";
    if (!parseIpAddress(hop)) break;
    client = hop;
  }
  return client;
}
