import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { z } from "zod";
import { getErrorMessage } from "../../shared/errors.ts";

export interface BridgeOptions {
  /** The agent's name. */
  name: string;
  /** Groundcrew's address. */
  url: string;
  /** The agent's bridge token. */
  token: string;
  narrate: (text: string) => void;
  wait: (ms: number) => Promise<void>;
  /** Whether the demo is ending; then no call is repeated. */
  isOver: () => boolean;
  /** Delay before a repeated call, in milliseconds. */
  retryDelay: number;
}

/** A tool's result: its text, or the reason of the refusal. */
type ToolResult = { ok: true; text: string } | { ok: false; text: string };

/** The tools of the bridge as one scripted agent calls them. */
export interface BridgeClient {
  /** Calls a tool and returns its answer's text. Undefined when it stays refused, or when the demo is ending. */
  call(tool: string, input: Record<string, unknown>): Promise<string | undefined>;
  /** Like `call`, but returns the answer in the form of `schema`. */
  read<T>(schema: z.ZodType<T>, tool: string, input: Record<string, unknown>): Promise<T | undefined>;
}

/** Limit of calls whose refusal says to try again: 5. */
const MAX_TRIES = 5;

/**
 * Creates a client that calls the bridge's tools over MCP, as a real agent does. While Groundcrew is not reachable, as
 * during a restart, a call is repeated.
 */
export function createBridgeClient({
  name,
  url,
  token,
  narrate,
  wait,
  isOver,
  retryDelay,
}: BridgeOptions): BridgeClient {
  async function callOnce(tool: string, input: Record<string, unknown>): Promise<ToolResult> {
    const headers = { authorization: `Bearer ${token}` };
    const transport = new StreamableHTTPClientTransport(new URL("/mcp", url), { requestInit: { headers } });
    const client = new Client({ name: "scripted-agent", version: "1.0.0" });
    try {
      // The SDK's transport does not match its own interface with exactOptionalPropertyTypes.
      await client.connect(transport as Parameters<Client["connect"]>[0]);
      const { content, isError } = await client.callTool({ name: tool, arguments: input });
      const [first] = z.array(z.looseObject({ text: z.string().optional() })).parse(content);
      return { ok: isError !== true, text: first?.text ?? "" };
    } finally {
      await client.close();
    }
  }

  async function callUntilReachable(tool: string, input: Record<string, unknown>): Promise<ToolResult | undefined> {
    let isReported = false;
    while (!isOver()) {
      try {
        return await callOnce(tool, input);
      } catch (error) {
        if (!isReported && !isOver())
          narrate(`${name} cannot reach Groundcrew (${getErrorMessage(error)}) and retries`);
        isReported = true;
        await wait(retryDelay);
      }
    }
    return undefined;
  }

  async function call(tool: string, input: Record<string, unknown>): Promise<string | undefined> {
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const answer = await callUntilReachable(tool, input);
      if (!answer || answer.ok) return answer?.text;
      narrate(`${name}: ${tool} was refused: ${answer.text}`);
      if (!/again/.test(answer.text)) return undefined;
      await wait(retryDelay);
    }
    return undefined;
  }

  return {
    call,
    async read(schema, tool, input) {
      const text = await call(tool, input);
      return text === undefined ? undefined : schema.parse(JSON.parse(text));
    },
  };
}
