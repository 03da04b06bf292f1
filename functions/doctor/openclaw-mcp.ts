import { z } from "zod";
import type { Settings } from "../../shared/config/settings.ts";
import { extractJsonObjects, type OpenclawOutput } from "./skill-verdict.ts";

/** Answer of `openclaw mcp status --json` (2026.9). `launch` is the URL of an entry that uses HTTP. */
const mcpStatusSchema = z.object({
  servers: z.array(z.object({ name: z.string(), enabled: z.boolean(), ok: z.boolean(), launch: z.string() })),
});

/**
 * The names of OpenClaw's MCP entries that lead to Groundcrew; the host may differ, because the gateway may reach
 * Groundcrew by another name. Undefined when OpenClaw does not support MCP (2026.2) or gives no usable answer.
 */
export function findMcpEntries(output: OpenclawOutput | undefined, settings: Settings): string[] | undefined {
  if (output?.kind !== "exited") return undefined;
  const [mcpStatus] = extractJsonObjects(output.out).flatMap((json) => mcpStatusSchema.safeParse(json).data ?? []);
  return mcpStatus?.servers
    .filter(({ enabled, ok, name, launch }) => enabled && ok && isGroundcrewEntry(name, launch, settings))
    .map(({ name }) => name);
}

/** Whether an MCP entry of OpenClaw leads to Groundcrew. `launch` is its URL. */
export function isGroundcrewEntry(name: string, launch: string, { port, publicUrl }: Settings): boolean {
  const url = URL.canParse(launch) ? new URL(launch) : undefined;
  if (!url || !/^\/mcp\/?$/.test(url.pathname)) return false;
  return url.origin === publicUrl || url.port === String(port) || /groundcrew/i.test(name);
}
