import { Client } from "@modelcontextprotocol/sdk/client";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { type CallToolResult, CallToolResultSchema } from "@modelcontextprotocol/sdk/types.js";
import { onTestFinished } from "vitest";
import { manifest } from "../../functions/index.ts";
import { getRemoteAddress, serveHttp } from "../../runtime/node/serve-http.ts";
import { toSettingName } from "../../shared/config/settings-file.ts";
import { createHttpApp } from "../../shared/http/http-app.ts";
import type { ItemPatch } from "../../simulators/plane/types.ts";
import { type AgentTestApp, createAgentTestApp } from "./agent-test-app.ts";

export const HTTP_ADMIN_TOKEN = "admin-token-for-http-tests";
export const HTTP_TICK_TOKEN = "tick-token-for-http-tests";

/** An agent's bridge token in these tests. */
export function toBridgeToken(agent: string): string {
  return `bridge-token-of-${agent.toLowerCase().replaceAll(" ", "-")}`;
}

/** Signs in to the page with a token; returns the response, its whole cookie, and what of it requests send. */
export async function signIn(url: string, token: string, headers: Record<string, string> = {}) {
  const all = { "content-type": "application/json", ...headers };
  const response = await fetch(`${url}/api/session`, { method: "POST", headers: all, body: JSON.stringify({ token }) });
  const [set = ""] = response.headers.getSetCookie();
  return { response, status: response.status, set, cookie: set.split(";")[0] ?? "" };
}

type Options = NonNullable<Parameters<typeof createAgentTestApp>[0]>;

/** Creates the test app with every route of the product over real HTTP, and a bridge token for each agent. */
export async function createHttpTestApp(options: Options = {}) {
  const testApp = await createAgentTestApp({
    ...options,
    setUpPlane: (plane) => ({
      ADMIN_TOKEN: HTTP_ADMIN_TOKEN,
      TICK_TOKEN: HTTP_TICK_TOKEN,
      ...createBridgeTokens(options.agents),
      ...options.setUpPlane?.(plane),
    }),
  });

  return serveTestApp(testApp);
}

/** The same with one task, ONB-1, of an agent, which was there before the first poll. */
export async function createTaskApp(name: string, to: string, patch: ItemPatch = {}, options: Options = {}) {
  const app = await createHttpTestApp(options);
  const item = app.addTask(name, to, patch);
  await app.runFirstPoll();
  return { app, item };
}

/** Returns the settings of the bridge tokens of the test agents and of further ones. */
export function createBridgeTokens(agents: Options["agents"] = {}): Record<string, string> {
  const names = Object.keys({ Concierge: {}, Imhotep: {}, Thot: {}, ...agents });
  return Object.fromEntries(names.map((name) => [`AGENT_TOKEN_${toSettingName(name)}`, toBridgeToken(name)]));
}

/** Serves every route of the product for a test app, and adds clients that call it. */
export async function serveTestApp<App extends Pick<AgentTestApp, "deps">>(testApp: App) {
  /** Starts an HTTP server on the app's current deps. */
  async function listen(): Promise<string> {
    const app = createHttpApp(testApp.deps, { routes: manifest.routes, getRemoteAddress });
    const served = await serveHttp({ app, host: "127.0.0.1", port: 0, log: testApp.deps.log });
    onTestFinished(() => served.stop(1_000));
    return served.url;
  }
  let url = await listen();

  async function request(path: string, token: string, init: RequestInit = {}) {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json", ...init.headers };
    return fetch(url + path, { ...init, headers });
  }

  /** Calls a route as the admin. */
  async function call(path: string, body?: unknown, method = "POST") {
    const init = method === "GET" ? { method } : { method, body: JSON.stringify(body ?? {}) };
    const response = await request(path, HTTP_ADMIN_TOKEN, init);
    // biome-ignore lint/suspicious/noExplicitAny: tests compare the answers of many routes as they are.
    return { status: response.status, json: (await response.json()) as any };
  }

  const app = Object.assign(testApp, {
    url,
    call,
    /** Every change that is committed to the store from now on. */
    recordCommits() {
      const { store } = testApp.deps;
      const { commit } = store;
      const changes: Parameters<typeof commit>[0][] = [];
      store.commit = (change) => {
        changes.push(change);
        return commit(change);
      };
      return changes;
    },
    /** Reads a route as the admin. */
    read: async (path: string) => (await call(path, undefined, "GET")).json,
    /** Starts the HTTP server of the new process after `restart`. */
    async listenAgain() {
      url = await listen();
    },
    request,
    /** Calls a tool over HTTP; returns the response's status, headers and JSON. */
    async callTool(agent: string, tool: string, input?: unknown) {
      const body = input === undefined ? {} : { body: JSON.stringify(input) };
      const response = await request(`/agent/${tool}`, toBridgeToken(agent), { method: "POST", ...body });
      const json: unknown = await response.json();
      return { status: response.status, headers: response.headers, json };
    },
    /** Connects the MCP SDK's client as this agent, or with another token. */
    connectMcpClient: (agent: string, token = toBridgeToken(agent)) => connectMcpClient(url, token),
  });
  // The address after `listenAgain`; `Object.assign` would copy the first one.
  return Object.defineProperty(app, "url", { get: () => url });
}

/** Connects the MCP SDK's client, until the test ends. */
export async function connectMcpClient(url: string, token: string): Promise<Client> {
  const client = new Client({ name: "a test", version: "1" });
  const headers = { authorization: `Bearer ${token}` };
  const transport = new StreamableHTTPClientTransport(new URL("/mcp", url), { requestInit: { headers } });
  // The SDK's types are not compatible with exactOptionalPropertyTypes.
  await client.connect(transport as Parameters<Client["connect"]>[0]);
  onTestFinished(() => client.close());
  return client;
}

/** Calls a tool through the MCP client. */
export async function callTool(client: Client, name: string, input: Record<string, unknown>): Promise<CallToolResult> {
  return CallToolResultSchema.parse(await client.callTool({ name, arguments: input }));
}

/** The text of a result that a model sees. */
export function getResultText({ content }: CallToolResult): string {
  return content.map((part) => (part.type === "text" ? part.text : `[${part.type}]`)).join("\n");
}
