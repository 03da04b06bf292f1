/**
 * How an agent's token is used: from which source addresses, and how often. A token that is used from two places, or
 * far more than usual, may be in other hands: that is a notice, which ends by itself.
 */

import type { Deps } from "../app/deps.ts";
import { isLoopbackAddress, toRateLimitSource } from "../ip-address.ts";
import type { Put, Store, StoreKey } from "../store/port.ts";
import { HOUR, type Ms } from "../time.ts";

/** The use of an agent's token. All times are store times. */
interface TokenUseRecord {
  /** The last call from each source of the last hour; an IPv6 network is one source. */
  sources: Record<string, { address: string; at: Ms }>;
  /** The calls of the hour that began then. */
  hour: Ms;
  calls: number;
  /** The busiest earlier hour; it counts less the longer ago it was. */
  usual: number;
}

/** Part of the busiest hour that still counts an hour later: after a week a fifth of it. */
const FADING = 0.99;

/** How much more than usual is reported, and from which number of calls in an hour on. */
const FAR_ABOVE = 5;

const MIN_CALLS = 200;

const NO_USE: TokenUseRecord = { sources: {}, hour: 0, calls: 0, usual: 0 };

const tokenUseKey = (agent: string): StoreKey => `token-use:${encodeURIComponent(agent)}`;

/** Creates the records of the use of these agents' tokens, for the commit of the audit of their calls. */
export async function createTokenUsePuts(
  { store }: { store: Pick<Store, "now" | "read"> },
  calls: readonly { agent: string; from?: string }[],
): Promise<Put[]> {
  const byAgent = [...Map.groupBy(calls, ({ agent }) => agent)];
  const keys = byAgent.map(([agent]) => tokenUseKey(agent));
  const [now, stored] = await Promise.all([store.now(), store.read<TokenUseRecord>(keys)]);
  return byAgent.map(([, own], i) => {
    const { sources, ...counts } = beginHour(stored[i]?.value ?? NO_USE, now);
    const recent = Object.entries(sources).filter(([, { at }]) => now - at < HOUR);
    const seen = own.flatMap(({ from: address }) =>
      address === undefined ? [] : [[toSource(address), { address, at: now }] as const],
    );
    const value = { ...counts, calls: counts.calls + own.length, sources: Object.fromEntries([...recent, ...seen]) };
    return { key: keys[i] ?? "", value: value satisfies TokenUseRecord };
  });
}

/** The record at this time: an hour that has passed becomes the usual one if it was busier. */
function beginHour(use: TokenUseRecord, now: Ms): TokenUseRecord {
  const hour = Math.floor(now / HOUR) * HOUR;
  if (hour === use.hour) return use;
  const hours = Math.max(0, (hour - use.hour) / HOUR);
  return { ...use, hour, calls: 0, usual: Math.max(use.calls, use.usual) * FADING ** hours };
}

/** All addresses of this machine are one source. */
function toSource(address: string): string {
  return isLoopbackAddress(address) ? "loopback" : toRateLimitSource(address);
}

/** Reports each agent whose token is used from two places within an hour, or far more than usual. */
export async function reportTokenUse({ store, settings, notices }: Pick<Deps, "store" | "settings" | "notices">) {
  const names = settings.agents.map(({ name }) => name);
  const [now, stored] = await Promise.all([store.now(), store.read<TokenUseRecord>(names.map(tokenUseKey))]);
  for (const [i, name] of names.entries()) {
    const { sources, calls, usual } = beginHour(stored[i]?.value ?? NO_USE, now);
    const recent = Object.values(sources).filter(({ at }) => now - at < HOUR);
    const list = recent.map(({ address }) => address).sort();
    const isShared = list.length > 1;
    await notices.report("token_shared", isShared ? { values: { sources: list.join(", ") } } : undefined, name);
    const isFarAbove = usual > 0 && calls >= MIN_CALLS && calls > FAR_ABOVE * usual;
    const most = String(Math.ceil(usual));
    await notices.report("token_pace", isFarAbove ? { values: { usual: most } } : undefined, name);
  }
}
