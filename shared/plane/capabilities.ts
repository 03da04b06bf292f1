import type { Capabilities } from "./client.ts";
import { PlaneError, type PlaneErrorCode } from "./errors.ts";

const DAY = 86_400_000;

/** What is answered where Plane's version is not told: by a proxy that lets only its API through, for one. */
const UNKNOWN = "unknown";
const REFUSED: ReadonlySet<PlaneErrorCode> = new Set(["auth", "not_found", "invalid", "unexpected"]);

/**
 * Remembers for a day what the server can do: by its version, and by a 404 for a route it should have. A server that
 * answers, but not with its version, stops nothing; one that does not answer rejects and is asked again.
 */
export function createCapabilities(askVersion: () => Promise<string>, clock: () => number) {
  let known: { version: Promise<string>; until: number } | undefined;
  let noRelationsUntil = 0;

  function version(): Promise<string> {
    if (known && clock() < known.until) return known.version;
    const asked = { version: askVersion().catch(unlessRefused), until: clock() + DAY };
    known = asked;
    asked.version.catch(() => {
      if (known === asked) known = undefined;
    });
    return asked.version;
  }

  return {
    async get(): Promise<Capabilities> {
      const current = await version();
      return { version: current, relations: hasRelations(current) && clock() >= noRelationsUntil };
    },
    noRelations() {
      noRelationsUntil = clock() + DAY;
    },
  };
}

function unlessRefused(thrown: unknown): string {
  if (thrown instanceof PlaneError && REFUSED.has(thrown.code)) return UNKNOWN;
  throw thrown;
}

/** Relations came with v1.3.0. A version that cannot be read is taken to have them until a 404 tells otherwise. */
function hasRelations(version: string): boolean {
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
  if (major === undefined) return true;
  return Number(major) > 1 || (Number(major) === 1 && Number(minor) >= 3);
}
