import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/sdk/client";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { CallToolResultSchema } from "@modelcontextprotocol/sdk/types.js";
import { onTestFinished } from "vitest";
import { z } from "zod";
import { createTempFolder, runCli } from "../runtime/cli/cli-process.ts";

/** The result of a call: the tool's answer, or the message of the refusal. */
export type CallResult = { answer: unknown } | { refused: string };

/** A client of the tools, authenticated as one agent. */
export interface AgentClient {
  call(tool: string, input: Record<string, unknown>): Promise<CallResult>;
  /** Uploads a text as a file. */
  upload(input: { task: string; name: string; text: string }, content: string): Promise<CallResult>;
}

const refusalSchema = z.object({ error: z.object({ message: z.string() }) });

/** Creates a client that uses the MCP SDK. */
export async function createMcpClient(url: string, token: string): Promise<AgentClient> {
  const client = new Client({ name: "an agent", version: "1" });
  const headers = { authorization: `Bearer ${token}` };
  const transport = new StreamableHTTPClientTransport(new URL("/mcp", url), { requestInit: { headers } });
  // The SDK's types are not compatible with exactOptionalPropertyTypes.
  await client.connect(transport as Parameters<Client["connect"]>[0]);
  onTestFinished(() => client.close());
  async function call(tool: string, input: Record<string, unknown>): Promise<CallResult> {
    const result = CallToolResultSchema.parse(await client.callTool({ name: tool, arguments: input }));
    const [first] = result.content;
    const text = first?.type === "text" ? first.text : "";
    return result.isError ? { refused: text } : { answer: JSON.parse(text) };
  }
  const base64 = (content: string) => Buffer.from(content).toString("base64");
  return { call, upload: (input, content) => call("upload_deliverable", { ...input, file: base64(content) }) };
}

/** Creates a client that uses `fetch`. */
export async function createFetchClient(url: string, token: string): Promise<AgentClient> {
  const authorization = `Bearer ${token}`;
  async function readResult(pendingResponse: Promise<Response>): Promise<CallResult> {
    const response = await pendingResponse;
    const json: unknown = await response.json();
    return response.ok ? { answer: json } : { refused: refusalSchema.parse(json).error.message };
  }
  return {
    call: (tool, input) =>
      readResult(
        fetch(`${url}/agent/${tool}`, {
          method: "POST",
          headers: { authorization, "content-type": "application/json" },
          body: JSON.stringify(input),
        }),
      ),
    upload: (input, content) =>
      readResult(
        fetch(`${url}/agent/upload_deliverable?${new URLSearchParams(input)}`, {
          method: "PUT",
          headers: { authorization },
          body: content,
        }),
      ),
  };
}

/** Creates a client that runs the command line, one process per call, in a folder that contains the file. */
export async function createCliClient(url: string, token: string): Promise<AgentClient> {
  const cwd = createTempFolder();
  const env = { GROUNDCREW_URL: url, GROUNDCREW_TOKEN: token };
  async function call(tool: string, input: Record<string, unknown>): Promise<CallResult> {
    const options = Object.entries(input).map(([name, value]) => `--${name}=${String(value)}`);
    const { exit, out, err } = await runCli([tool, "--json", ...options], { cwd, env });
    return exit === 0 ? { answer: JSON.parse(out) } : { refused: refusalSchema.parse(JSON.parse(err)).error.message };
  }
  return {
    call,
    async upload({ name, ...input }, content) {
      writeFileSync(join(cwd, name), content);
      return call("upload_deliverable", { ...input, file: name });
    },
  };
}
