import { expect } from "vitest";
import { createWakeRules } from "../../../functions/wake/rules.ts";
import { wakeHandler } from "../../../functions/wake/wake-handler.ts";
import { projectsApi } from "../../../shared/plane/projects.ts";
import { callTool, createBridgeTokens, getResultText, serveTestApp } from "../../support/http-test-app.ts";
import { startGateway } from "../../support/openclaw-gateway.ts";
import { createLiveMessagesApp } from "./live-messages-app.ts";

type Options = NonNullable<Parameters<typeof createLiveMessagesApp>[0]>;

/** Creates a live messages app whose agents call over MCP and HTTP, and whose Concierge is woken through a gateway. */
export async function createMessagesApp(options: Options = {}) {
  const gateway = await startGateway({ version: "2026.9.6" });
  const liveMessagesApp = await createLiveMessagesApp({
    ...options,
    agents: { Concierge: { role: "concierge", wake: { kind: "openclaw", url: gateway.url } }, ...options.agents },
    parts: {
      jobHandlers: [wakeHandler],
      ruleSets: (settings) => [createWakeRules(settings.agents), ...(options.parts?.ruleSets?.(settings) ?? [])],
    },
    env: {
      OPENCLAW_URL: gateway.url,
      OPENCLAW_HOOK_TOKEN: gateway.token,
      ...createBridgeTokens(options.agents),
      ...options.env,
    },
  });
  const app = await serveTestApp(liveMessagesApp);
  const client = await app.connectMcpClient("Concierge");
  /** Calls a tool over MCP as the Concierge; returns its answer, or the text of its refusal. */
  async function callAsConcierge(tool: string, input: Record<string, unknown>): Promise<unknown> {
    const result = await callTool(client, tool, input);
    await app.advanceAndDrain();
    const text = getResultText(result);
    return result.isError ? text : JSON.parse(text);
  }

  return Object.assign(app, {
    gateway,
    callAsConcierge,
    messageHuman: (input: Record<string, unknown>) => callAsConcierge("message_human", input),
    /** The names of the tasks of a project in Plane; undefined while there is no such project. */
    async findItemNames(project: string): Promise<string[] | undefined> {
      const { data } = await app.deps.plane.call(projectsApi.list);
      const found = data.results.filter(({ name }) => name === project);
      expect(found.length).toBeLessThanOrEqual(1);
      return found[0] && app.plane.items(found[0].id).map(({ name }) => name);
    },
    /** The messages of the wakes so far. */
    getWakes: () => gateway.runs.map(({ agent, message }) => `${agent}: ${message}`),
  });
}
