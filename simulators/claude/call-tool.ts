import { readFileSync } from "node:fs";
import { expandHeaders } from "./hooks.ts";

interface McpConfig {
  mcpServers?: Record<string, { url: string; headers?: Record<string, string> }>;
}

/** Calls a tool of the MCP server `groundcrew` and returns what the model sees; undefined when nothing answers. */
export async function callMcpTool(configPath: string, name: string, input: unknown): Promise<string | undefined> {
  const { mcpServers = {} } = JSON.parse(readFileSync(configPath, "utf8")) as McpConfig;
  const server = mcpServers["groundcrew"];
  if (!server) return "No such tool available";
  // In this file Claude fills in every variable of its environment.
  const headers = expandHeaders({ headers: server.headers ?? {}, allowedEnvVars: Object.keys(process.env) });
  const params = { name, arguments: input };
  try {
    const response = await fetch(server.url, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json, text/event-stream", ...headers },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params }),
    });
    const text = await response.text();
    const { result } = JSON.parse(text) as { result?: { content?: { text?: string }[] } };
    return result?.content?.map((part) => part.text ?? "").join("\n") ?? text;
  } catch {
    return undefined;
  }
}
