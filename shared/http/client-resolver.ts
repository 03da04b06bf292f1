import type { Context } from "hono";
import type { Deps } from "../app/deps.ts";
import { isTrustedAddress, parseIpRange, resolveClientAddress } from "../ip-address.ts";
import { HOUR, type Ms } from "../time.ts";

/** Retention of the latest untrusted proxy: 1 hour, so that a single forged header is not reported for long. */
const UNTRUSTED_PROXY_MS: Ms = HOUR;

interface ResolvedClient {
  /** The client's address. */
  client: string;
  /** Address of the latest peer that sent X-Forwarded-For without being in TRUSTED_PROXIES. */
  untrustedProxy: string | undefined;
}

/**
 * Creates the function that finds a request's client. It also remembers the latest peer whose X-Forwarded-For was
 * ignored: probably a proxy that is missing in TRUSTED_PROXIES, whose clients then share their rate limits.
 */
export function createClientResolver(
  { settings, clock }: Pick<Deps, "settings" | "clock">,
  getRemoteAddress: (c: Context) => string,
): (c: Context) => ResolvedClient {
  const trusted = settings.trustedProxies.flatMap((text) => parseIpRange(text) ?? []);
  let untrusted: { address: string; at: Ms } | undefined;
  return (c) => {
    const address = getRemoteAddress(c);
    const forwardedFor = c.req.header("x-forwarded-for");
    if (untrusted && clock() - untrusted.at > UNTRUSTED_PROXY_MS) untrusted = undefined;
    if (forwardedFor !== undefined && !isTrustedAddress(address, trusted)) untrusted = { address, at: clock() };
    const client = trusted.length === 0 ? address : resolveClientAddress(address, forwardedFor, trusted);
    return { client, untrustedProxy: untrusted?.address };
  };
}
