import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type AgentClient, type CallResult, createFetchClient, createMcpClient } from "../reliability/agent-clients.ts";
import { findDuplicated, findUnexpected, readCompletions } from "../reliability/completions.ts";
import { createLoggedRandom, IS_FULL_RUN } from "../reliability/random-source.ts";
import { findBotTexts, SIMULATED_CHAT, toItemKey } from "../reliability/simulators.ts";
import { runWebhookStorm } from "../reliability/webhook-storm.ts";
import { hasRedisServer } from "../support/redis-server.ts";
import { type OpenHost, openFileHost, openObjectHost, openRedisHost } from "./hosts.ts";
import { type PortableTeam, startPortableTeam, toToken } from "./portable-team.ts";

const LIMIT_MS = 180_000;
const FULL_LIMIT_MS = 600_000;
/** Begins the digest. */
const DIGEST = "Daily";

function getAnswer(result: CallResult): unknown {
  if ("refused" in result) throw new Error(result.refused);
  return result.answer;
}

async function completeByWebhook({ plane, items, sendWebhooks, host, waitForCompletions }: PortableTeam) {
  if (items[0]) plane.editItem(items[0], { state: "Done" });
  await sendWebhooks();
  await host.restart();
  await waitForCompletions(["ONB-1"]);
}

async function completeByLostWebhook(team: PortableTeam) {
  if (team.items[1]) team.plane.editItem(team.items[1], { state: "Done" });
  team.takeWebhookBodies();
  await team.runTick("poll");
  await team.host.restart();
  await team.waitForCompletions(["ONB-1", "ONB-2"]);
}

async function refuseForgeries({ request }: PortableTeam) {
  const forged = { "content-type": "application/json", "x-plane-signature": "0".repeat(64) };
  const webhook = await request("/webhooks/plane", { method: "POST", headers: forged, body: "{}" });
  const call = await request("/agent/list_my_tasks", {
    method: "POST",
    headers: { authorization: "Bearer x" },
    body: "{}",
  });
  const host = await request("/ticks/unknown", { method: "POST" });
  expect([webhook.status, call.status, host.status]).toEqual([401, 401, 404]);
}

/** Two agents claim one task at once, one by MCP and one by HTTP; returns the holder. */
async function claimTask({ host }: PortableTeam): Promise<AgentClient> {
  const clients = [
    await createMcpClient(host.url, toToken("Thot")),
    await createFetchClient(host.url, toToken("Ptah")),
  ];
  const claims = await Promise.all(clients.map((client) => client.call("claim_task", { task: "ONB-3" })));
  expect(claims.map((claim) => "answer" in claim).sort()).toEqual([false, true]);
  await host.restart();
  const again = await Promise.all(clients.map((client) => client.call("claim_task", { task: "ONB-3" })));
  expect(again.map((claim) => "answer" in claim)).toEqual(claims.map((claim) => "answer" in claim));
  const holder = clients["answer" in (claims[0] ?? {}) ? 0 : 1];
  if (!holder) throw new Error("nobody holds the task");
  return holder;
}

async function answerQuestion(team: PortableTeam, holder: AgentClient) {
  getAnswer(await holder.call("update_task_status", { task: "ONB-3", status: "in_progress" }));
  getAnswer(await holder.call("ask_human", { task: "ONB-3", text: "Which colour?", choices: ["Red", "Blue"] }));
  await team.host.restart();
  expect(await team.waitForTexts("Which colour?")).toHaveLength(1);
  await team.pressButton("Which colour?", "Red");
  await team.host.restart();
  await team.waitFor(async () => {
    const details = getAnswer(await holder.call("get_task_details", { task: "ONB-3" }));
    expect(JSON.stringify(details)).toContain("Red");
  });
}

/** Recurring work: a template in Plane comes due each minute, in the object's alarm as in a process. */
async function makeOccurrences(team: PortableTeam) {
  const send = (method: string, path: string, body: object) =>
    team.request(path, { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  const template = { cron: "* * * * *", project: "ONB", title: "Occurrence {n}", if_open: "create" };
  const created = await send("POST", "/api/schedules", template);
  expect(created.status).toBe(200);
  const { id } = z.object({ id: z.string() }).parse(await created.json());
  await team.host.restart();
  const listMade = () => team.plane.items(team.project).filter(({ name }) => name.startsWith("Occurrence 1"));
  await team.waitFor(async () => {
    await team.runTick("schedules");
    expect(listMade()).toHaveLength(1);
  });
  expect((await send("PATCH", `/api/schedules/${id}`, { paused: true })).status).toBe(200);
  await team.host.restart();
  await team.runTick("schedules");
  expect(listMade()).toHaveLength(1);
}

async function sendDigest(team: PortableTeam) {
  await team.runTick("digest");
  await team.host.restart();
  await team.runTick("digest");
  await team.waitFor(() => expect(findBotTexts(team.telegram, DIGEST)).toHaveLength(1));
}

/** Every case, in order, each with the end of the product in its middle. */
async function runAllCases(openHost: OpenHost) {
  const team = await startPortableTeam(openHost);
  await team.runTick("poll");
  await team.waitUntilIdle();
  await completeByWebhook(team);
  await completeByLostWebhook(team);
  await refuseForgeries(team);
  const holder = await claimTask(team);
  await answerQuestion(team, holder);
  await makeOccurrences(team);
  await sendDigest(team);
  await team.waitForCompletions(["ONB-1", "ONB-2"]);
}

test.runIf(IS_FULL_RUN)(
  "reliability 1: a storm of webhooks with kill -9 of workerd loses, invents and doubles nothing",
  async () => {
    const [tasks, decoys, kills] = [300, 2, 3];
    const team = await startPortableTeam(openObjectHost, { tasks });
    await team.runTick("poll");
    const items = team.items.slice(0, tasks - decoys);
    const { url, restart } = team.host;
    const sent = await runWebhookStorm({
      simulators: team,
      runtimes: [{ url, kill: restart, start: async () => {}, poll: () => team.runTick("poll") }],
      items,
      decoys: team.items.slice(tasks - decoys, tasks),
      randomSource: createLoggedRandom("storm in workerd"),
      ...{ kills, gently: true, pace: 60 },
    });
    await team.runTick("poll");
    await team.waitUntilIdle();
    const wanted = items.map((item) => toItemKey(team.project, item));
    const completions = readCompletions(team.telegram, SIMULATED_CHAT);
    const { total, totalMarked, marked } = completions;
    console.info("storm in workerd:", JSON.stringify({ ...sent, wanted: wanted.length, total, totalMarked, marked }));
    expect(total).toBeGreaterThanOrEqual(wanted.length);
    expect(total - totalMarked).toBeLessThanOrEqual(wanted.length);
    expect(findUnexpected(completions, wanted)).toEqual([]);
    expect(findDuplicated(completions)).toEqual([]);
    expect(marked).toBeLessThanOrEqual(kills);
    expect(sent).toMatchObject({ forgedTaken: 0, trueRefused: 0 });
    expect(sent.kept).toBeGreaterThan(items.length);
  },
  FULL_LIMIT_MS,
);

describe.runIf(IS_FULL_RUN)(
  "webhook, lost webhook, claims, tools, question and digest, each with kill -9 in its middle",
  () => {
    test("on Node with a file", () => runAllCases(openFileHost), LIMIT_MS);
    test.skipIf(!hasRedisServer())("on Node with Redis", () => runAllCases(openRedisHost), LIMIT_MS);
    test("in workerd with a Durable Object", () => runAllCases(openObjectHost), LIMIT_MS);
  },
);
