import { DAY } from "../time.ts";
import type { PlaneCapabilities } from "./client.ts";
import { PlaneError, type PlaneErrorCode } from "./errors.ts";

/** What is answered where Plane's version is not told: by a proxy that lets only its API through, for one. */
const UNKNOWN_VERSION = "unknown";
const REFUSAL_CODES: ReadonlySet<PlaneErrorCode> = new Set(["auth", "not_found", "invalid", "unexpected"]);

/**
 * Remembers for a day what the server can do: by its version, and by a 404 for a route it should have. A server that
 * answers, but not with its version, stops nothing; one that does not answer rejects and is asked again.
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

/** Relations came with v1.3.0. A version that cannot be read is taken to have them until a 404 tells otherwise. */
function hasRelations(version: string): boolean {
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
  if (major === undefined) return true;
  return Number(major) > 1 || (Number(major) === 1 && Number(minor) >= 3);
}
