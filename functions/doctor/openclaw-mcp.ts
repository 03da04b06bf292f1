import { z } from "zod";
import type { Settings } from "../../shared/config.ts";
import { type CliAnswer, jsonIn } from "./skill-said.ts";

/** `openclaw mcp status --json`, 2026.9; of an entry over HTTP `launch` is the address. */
const status = z.object({
  servers: z.array(z.object({ name: z.string(), enabled: z.boolean(), ok: z.boolean(), launch: z.string() })),
});

/**
 * The names of OpenClaw's MCP entries that lead to Groundcrew, under whatever host the gateway reaches it; undefined
 * where OpenClaw knows no MCP (2026.2) or does not tell.
 */
export function mcpEntries(said: CliAnswer | undefined, settings: Settings): string[] | undefined {
  if (said?.kind !== "said") return undefined;
  const [found] = jsonIn(said.out).flatMap((json) => status.safeParse(json).data ?? []);
  return found?.servers
    .filter(({ enabled, ok, name, launch }) => enabled && ok && isOurs(name, launch, settings))
    .map(({ name }) => name);
}

function isOurs(name: string, launch: string, { port, publicUrl }: Settings): boolean {
  const url = URL.canParse(launch) ? new URL(launch) : undefined;
  if (!url || !/^\/mcp\/?$/.test(url.pathname)) return false;
  return url.origin === publicUrl || url.port === String(port) || /groundcrew/i.test(name);
}
