import { z } from "zod";
import { callTool, connectMcpClient } from "../support/http-test-app.ts";

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
  const client = await connectMcpClient(url, token);
  async function call(tool: string, input: Record<string, unknown>): Promise<CallResult> {
    const { content, isError } = await callTool(client, tool, input);
    const text = content[0]?.type === "text" ? content[0].text : "";
    return isError ? { refused: text } : { answer: JSON.parse(text) };
  }
  const toBase64 = (content: string) => Buffer.from(content).toString("base64");
  return { call, upload: (input, content) => call("upload_deliverable", { ...input, file: toBase64(content) }) };
}

/** Creates a client that uses `fetch`. */
export async function createFetchClient(url: string, token: string): Promise<AgentClient> {
  const authorization = `Bearer ${token}`;
  async function send(path: string, init: RequestInit): Promise<CallResult> {
    const response = await fetch(`${url}/agent/${path}`, init);
    const json: unknown = await response.json();
    return response.ok ? { answer: json } : { refused: refusalSchema.parse(json).error.message };
  }
  const headers = { authorization, "content-type": "application/json" };
  return {
    call: (tool, input) => send(tool, { method: "POST", headers, body: JSON.stringify(input) }),
    upload: (input, body) =>
      send(`upload_deliverable?${new URLSearchParams(input)}`, { method: "PUT", headers: { authorization }, body }),
  };
}
