import { DAY } from "../time.ts";
import type { PlaneCapabilities } from "./client.ts";
import { PlaneError, type PlaneErrorCode } from "./errors.ts";

/** The version of a Plane that does not report one, for example behind a proxy that passes only its API. */
const UNKNOWN_VERSION = "unknown";
const REFUSAL_CODES: ReadonlySet<PlaneErrorCode> = new Set(["auth", "not_found", "invalid", "unexpected"]);

export type CapabilityCache = ReturnType<typeof createCapabilityCache>;

/**
 * Caches for a day what the server supports, according to its version and to a 404 for a route that the version should
 * have. If the server answers without a version, everything counts as supported. If it does not answer, `get` rejects
 * and the next call tries again.
 */
export function createCapabilityCache(readVersion: () => Promise<string>, clock: () => number) {
  let cached: { version: Promise<string>; until: number } | undefined;
  let noRelationsUntil = 0;

  function version(): Promise<string> {
    if (cached && clock() < cached.until) return cached.version;
    const entry = { version: readVersion().catch(toUnknownVersion), until: clock() + DAY };
    cached = entry;
    entry.version.catch(() => {
      if (cached === entry) cached = undefined;
    });
    return entry.version;
  }

  return {
    async get(): Promise<PlaneCapabilities> {
      const current = await version();
      return { version: current, relations: hasRelations(current) && clock() >= noRelationsUntil };
    },
    noRelations() {
      noRelationsUntil = clock() + DAY;
    },
  };
}

function toUnknownVersion(thrown: unknown): string {
  if (thrown instanceof PlaneError && REFUSAL_CODES.has(thrown.code)) return UNKNOWN_VERSION;
  throw thrown;
}

/** Relations exist since v1.3.0. An unknown version counts as supporting them until a 404 shows otherwise. */
function hasRelations(version: string): boolean {
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
  if (major === undefined) return true;
  return Number(major) > 1 || (Number(major) === 1 && Number(minor) >= 3);
}
