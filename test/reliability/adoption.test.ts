import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Item } from "../../simulators/plane/types.ts";
import {
  NO_TELEGRAM_LIMITS,
  RELIABILITY_TICK_TOKEN,
  SIMULATED_CHAT,
  startSimulators,
  toItemKey,
} from "./simulators.ts";
import { spawnRuntime } from "./spawned-runtime.ts";

const TOKEN = "bridge-token-of-thot-in-these-tests";
const WEBHOOK_SECRET = "telegram-webhook-secret-of-these-tests";

/** A workspace that people have used before: tasks of an agent without labels, and one whose blocker was cancelled. */
async function startInUsedWorkspace() {
  const simulators = await startSimulators({ telegram: NO_TELEGRAM_LIMITS });
  const { plane, telegram } = simulators;
  const thot = plane.addUser({ name: "Thot", email: "thot@javisi.local.test" });
  const project = simulators.addProject();
  plane.addProjectMember(project, thot);
  const addTask = (name: string): Item => plane.addItem(project, { name, assignees: [thot] });
  const guide = addTask("Guide");
  const tour = addTask("Tour");
  const map = addTask("Map");
  const others = Array.from({ length: 20 }, (_, i) => addTask(`Old task ${i}`));
  plane.relate(tour, guide);
  plane.editItem(guide, { state: "Cancelled" });
  plane.addComment(map, "<p>From before</p>");
  simulators.takeWebhookBodies();
  const env = {
    ...simulators.env,
    AGENT_TOKEN_THOT: TOKEN,
    PLANE_API_KEY_THOT: plane.createApiKey(thot),
    TELEGRAM_WEBHOOK_SECRET: WEBHOOK_SECRET,
    TELEGRAM_ALLOWED_USERS: String(SIMULATED_CHAT),
    PUBLIC_URL: "https://crew.example.test",
  };
  const config = { agents: [{ name: "Thot", email: thot.email }] };
  // An item that was created in the second of the first start counts as older.
  const runtime = await spawnRuntime({ env, config, childOptions: { burst: 0, unpaced: true } });
  const post = async (path: string, body: string, headers: Record<string, string>) => {
    const answer = await runtime.request(path, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body,
    });
    expect(answer.status, await answer.clone().text()).toBe(200);
    return answer;
  };
  return {
    plane,
    runtime,
    tour,
    map,
    others,
    guide,
    toKey: (item: Item) => toItemKey(project, item),
    callTool: (tool: string, input: object = {}) =>
      post(`/agent/${tool}`, JSON.stringify(input), { authorization: `Bearer ${TOKEN}` }),
    async writeToChat(text: string) {
      const update = await telegram.postAsUser(SIMULATED_CHAT, SIMULATED_CHAT, text);
      await post("/webhooks/telegram", JSON.stringify(update), { "x-telegram-bot-api-secret-token": WEBHOOK_SECRET });
    },
    async runPolls() {
      for (let n = 0; n < 2; n += 1) expect((await runtime.poll()).status).toBe(200);
      const headers = { authorization: `Bearer ${RELIABILITY_TICK_TOKEN}` };
      for (const tick of ["canary", "claims", "cycles"])
        expect((await runtime.request(`/ticks/${tick}`, { method: "POST", headers })).status).toBe(200);
      await runtime.waitUntilIdle();
    },
    async deliverWebhooks() {
      for (const body of simulators.takeWebhookBodies())
        await post("/webhooks/plane", body, simulators.createDeliveryHeaders(body));
      await runtime.waitUntilIdle();
    },
    /** What the product changed in Plane, by Plane's own ledger: the items' names, or the path. */
    listWrites: () =>
      plane.ledger.requests
        .filter(({ api, method }) => api && method !== "GET")
        .map(({ path }) => plane.item(/work-items\/([^/]+)\//.exec(path)?.[1] ?? "")?.name ?? path),
  };
}

test("reliability 29: nothing is written to a workspace that was in use before, over polls, kill -9, a lost store, a cancelled blocker and an agent that lists", async () => {
  const used = await startInUsedWorkspace();
  const { plane, runtime, guide, map, others, listWrites, runPolls, callTool, deliverWebhooks } = used;
  // The first look begins with the start: these tests schedule polls once a year.
  const hasReadRelations = () => plane.ledger.requests.some(({ path }) => path.includes("/relations/"));
  await expect.poll(hasReadRelations, { timeout: 30_000 }).toBe(true);
  await runPolls();
  await runtime.kill("SIGKILL");
  await runtime.start();
  await runPolls();
  plane.editItem(guide, { state: "Todo" });
  plane.editItem(others[0] ?? "", { state: "In Progress", assignees: [] });
  await deliverWebhooks();
  plane.editItem(guide, { state: "Cancelled" });
  await deliverWebhooks();
  await callTool("list_my_tasks");
  await runPolls();
  await runtime.kill("SIGKILL");
  rmSync(join(runtime.folder, "data"), { recursive: true });
  await runtime.start();
  await runPolls();
  plane.addComment(map, "<p>Later</p>");
  await deliverWebhooks();
  await callTool("list_my_tasks", { fresh: true });
  await runPolls();
  expect(listWrites()).toEqual([]);
}, 180_000);

test("reliability 29: an agent's claim allows writes to that item and its card, and a human's command those to its item", async () => {
  const { runtime, tour, map, toKey, listWrites, runPolls, callTool, writeToChat } = await startInUsedWorkspace();
  await runPolls();
  expect(listWrites()).toEqual([]);
  await callTool("claim_task", { task: toKey(map) });
  await runPolls();
  const labels = listWrites().filter((name) => /\/labels\/$/.test(name));
  expect(new Set(listWrites())).toEqual(new Set([...labels, "Map"]));
  await writeToChat(`/plane assign ${toKey(tour)} Thot`);
  await expect.poll(() => listWrites().includes("Tour"), { timeout: 30_000 }).toBe(true);
  await runtime.waitUntilIdle();
  expect(new Set(listWrites().filter((name) => !/\/labels\/$/.test(name)))).toEqual(new Set(["Map", "Tour"]));
}, 180_000);
