import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { createGatewaySimulator } from "../../simulators/openclaw/create-gateway-simulator.ts";
import { toAgentToken } from "./runtime-with-agents.ts";
import { NO_TELEGRAM_LIMITS, startSimulators } from "./simulators.ts";
import { spawnRuntime } from "./spawned-runtime.ts";

const TIMEOUT_MS = 120_000;

const listSchema = z.object({ tasks: z.array(z.object({ key: z.string(), status: z.string() })) });

/** Waits in real time, because the product runs in a process of its own. */
async function waitFor(condition: () => boolean, withinMs: number): Promise<void> {
  for (const end = Date.now() + withinMs; !condition(); ) {
    if (Date.now() > end) throw new Error(`the condition does not hold after ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test(
  "reliability 30: after kill -9 right after a task was finished, the agent is woken once for the next one",
  async () => {
    const simulators = await startSimulators({ telegram: NO_TELEGRAM_LIMITS });
    const { plane } = simulators;
    const project = simulators.addProject();
    const imhotep = plane.addUser({ name: "Imhotep", email: "imhotep@javisi.local.test" });
    plane.addProjectMember(project, imhotep);
    const gateway = createGatewaySimulator({ version: "2026.2.26" });
    const gatewayUrl = await gateway.start();
    onTestFinished(() => gateway.stop());
    const runtime = await spawnRuntime({
      env: {
        ...simulators.env,
        OPENCLAW_URL: gatewayUrl,
        OPENCLAW_HOOK_TOKEN: gateway.token,
        AGENT_TOKEN_IMHOTEP: toAgentToken("Imhotep"),
        PLANE_API_KEY_IMHOTEP: plane.createApiKey(imhotep),
      },
      config: { agents: [{ name: "Imhotep", email: imhotep.email, wake: "openclaw" }] },
      childOptions: { ttl: 2_000 },
    });
    await runtime.poll();
    const call = async (tool: string, input: object = {}): Promise<unknown> => {
      const headers = { authorization: `Bearer ${toAgentToken("Imhotep")}`, "content-type": "application/json" };
      const response = await fetch(`${runtime.url}/agent/${tool}`, {
        method: "POST",
        headers,
        body: JSON.stringify(input),
      });
      if (!response.ok) throw new Error(`${tool}: ${response.status} ${await response.text()}`);
      return response.json();
    };
    const workOnFirstTask = async () => {
      const { tasks } = listSchema.parse(await call("list_my_tasks"));
      const task = tasks.find(({ status }) => status === "todo")?.key;
      await call("update_task_status", { task, status: "in_progress" });
      await call("update_task_status", { task, status: "done", text: "It is done.", confidence: 0.9 });
    };

    for (const name of ["One", "Two"]) plane.addItem(project, { name, state: "Todo", assignees: [imhotep] });
    for (const body of simulators.takeWebhookBodies())
      await runtime.request("/webhooks/plane", {
        method: "POST",
        headers: simulators.createDeliveryHeaders(body),
        body,
      });
    await waitFor(() => gateway.runs.length === 1, 10_000);
    await runtime.kill();
    await runtime.start();
    await workOnFirstTask();
    await runtime.kill();
    await runtime.start();
    await waitFor(() => gateway.runs.length === 2, 12_000);
    await workOnFirstTask();
    await runtime.kill();
    await runtime.start();
    await new Promise((resolve) => setTimeout(resolve, 8_000));
    expect(gateway.runs.map(({ agent }) => agent)).toEqual(["imhotep", "imhotep"]);
    expect(gateway.heartbeats).toEqual([]);
  },
  TIMEOUT_MS,
);
