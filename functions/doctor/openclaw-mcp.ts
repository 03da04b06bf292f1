import { z } from "zod";
import type { Settings } from "../../shared/config/settings.ts";
import { extractJsonObjects, type OpenclawOutput } from "./skill-verdict.ts";

/** `openclaw mcp status --json`, 2026.9; of an entry over HTTP `launch` is the address. */
const mcpStatusSchema = z.object({
  servers: z.array(z.object({ name: z.string(), enabled: z.boolean(), ok: z.boolean(), launch: z.string() })),
});

/**
 * The names of OpenClaw's MCP entries that lead to Groundcrew, under whatever host the gateway reaches it; undefined
 * where OpenClaw knows no MCP (2026.2) or does not tell.
 */
export function findMcpEntries(output: OpenclawOutput | undefined, settings: Settings): string[] | undefined {
  if (output?.kind !== "said") return undefined;
  const [found] = extractJsonObjects(output.out).flatMap((json) => mcpStatusSchema.safeParse(json).data ?? []);
  return found?.servers
    .filter(({ enabled, ok, name, launch }) => enabled && ok && isGroundcrewEntry(name, launch, settings))
    .map(({ name }) => name);
}

function isGroundcrewEntry(name: string, launch: string, { port, publicUrl }: Settings): boolean {
  const url = URL.canParse(launch) ? new URL(launch) : undefined;
  if (!url || !/^\/mcp\/?$/.test(url.pathname)) return false;
  return url.origin === publicUrl || url.port === String(port) || /groundcrew/i.test(name);
}
