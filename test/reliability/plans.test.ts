import { expect, test } from "vitest";
import { z } from "zod";
import { startGateway } from "../support/openclaw-gateway.ts";
import { IS_FULL_RUN } from "./random-source.ts";
import { toAgentToken } from "./runtime-with-agents.ts";
import { startSimulators } from "./simulators.ts";
import { spawnRuntime } from "./spawned-runtime.ts";

const planSchema = z.object({ remaining: z.number(), done: z.array(z.string()) });

const requestSchema = z.looseObject({ id: z.string(), hash: z.string() });
const requestsSchema = z.object({ requests: z.tuple([requestSchema]) });

/** Number of created tasks after which the process is killed. */
const KILLS = [1, 3, 5];
const TASKS = 6;

test.runIf(IS_FULL_RUN)(
  "reliability 35: a plan whose process is killed three times by kill -9 is answered at once and completed once",
  async () => {
    const gateway = await startGateway({ version: "2026.9.6" });
    const simulators = await startSimulators({ rateLimit: 60 });
    const { plane } = simulators;
    const names = ["Concierge", "Thot"];
    const toEmail = (name: string) => `${name.toLowerCase()}@javisi.local.test`;
    const users = names.map((name) => plane.addUser({ name, email: toEmail(name) }));
    simulators.addProject();
    const env = {
      ...simulators.env,
      ...Object.fromEntries(names.map((name) => [`AGENT_TOKEN_${name.toUpperCase()}`, toAgentToken(name)])),
      ...Object.fromEntries(
        names.map((name, i) => [`PLANE_API_KEY_${name.toUpperCase()}`, plane.createApiKey(users[i] ?? "", name)]),
      ),
      OPENCLAW_HOOK_TOKEN: gateway.token,
    };
    const wake = { kind: "openclaw", url: gateway.url };
    const agents = names.map((name, i) => ({
      name,
      email: toEmail(name),
      role: i === 0 ? "concierge" : "worker",
      wake,
    }));
    // The lease of a job is shorter than the product's 2 minutes, so that the test does not wait for it.
    const runtime = await spawnRuntime({ env, config: { agents }, childOptions: { ttl: 20_000 } });
    await runtime.poll();

    const callTool = async (agent: string, tool: string, input: object) => {
      const response = await fetch(`${runtime.url}/agent/${tool}`, {
        method: "POST",
        headers: { authorization: `Bearer ${toAgentToken(agent)}`, "content-type": "application/json" },
        body: JSON.stringify(input),
      });
      return response.json();
    };
    const tasks = Array.from({ length: TASKS }, (_, i) => ({
      id: `t${i}`,
      title: `Task ${i}`,
      assignee: "Thot",
      ...(i > 0 ? { blocked_by: [`t${i - 1}`] } : {}),
    }));
    const callPlan = async () =>
      planSchema.parse(await callTool("Concierge", "plan_project", { project: "Web", tasks }));

    expect((await callPlan()).remaining).toBe(3 * TASKS);
    const [{ id, hash }] = requestsSchema.parse(await (await runtime.request("/api/requests")).json()).requests;
    const approval = { answer: "approve", hash };
    const headers = { "content-type": "application/json" };
    await runtime.request(`/api/requests/${id}`, { method: "POST", headers, body: JSON.stringify(approval) });
    for (const created of KILLS) {
      await waitFor(async () => (await callPlan()).done.length >= created);
      expect(await callTool("Thot", "list_my_tasks", {})).toMatchObject({ tasks: [] });
      await runtime.kill();
      await runtime.start();
    }
    // No further call of the Concierge is needed.
    await waitFor(async () => {
      const { tasks: visible } = z
        .object({ tasks: z.array(z.unknown()) })
        .parse(await callTool("Thot", "list_my_tasks", {}));
      if (visible.length > 0) expect(visible).toHaveLength(TASKS);
      return visible.length > 0;
    });
    expect(await callPlan()).toMatchObject({ remaining: 0 });
    await waitFor(async () => gateway.runs.length > 0);
    expect(gateway.runs.map(({ agent }) => agent)).toEqual(["thot"]);
    expect(gateway.runs[0]?.message.match(/"task":"/g)).toHaveLength(1);
    const web = plane.ledger.requests.filter(({ method, path, status }) => {
      return method === "POST" && path.endsWith("/projects/") && status === 201;
    });
    expect(web).toHaveLength(1);
    const created = plane.ledger.requests.filter(({ method, path, status }) => {
      return method === "POST" && path.endsWith("/work-items/") && status === 201;
    });
    expect(created).toHaveLength(TASKS);
  },
  600_000,
);

async function waitFor(isTrue: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 240_000; ; ) {
    if (await isTrue()) return;
    if (Date.now() > end) throw new Error("not reached within 4 minutes");
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}
