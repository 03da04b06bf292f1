import { describe, expect, test } from "vitest";
import { type AgentClient, type CallResult, createFetchClient, createMcpClient } from "../reliability/agent-clients.ts";
import { IS_FULL_RUN } from "../reliability/random-source.ts";
import { findBotTexts } from "../reliability/simulators.ts";
import { hasRedisServer } from "../support/redis-server.ts";
import { type OpenHost, openFileHost, openObjectHost, openRedisHost } from "./hosts.ts";
import { type PortableTeam, startPortableTeam, toToken } from "./portable-team.ts";

const LIMIT_MS = 180_000;
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
  await sendDigest(team);
  await team.waitForCompletions(["ONB-1", "ONB-2"]);
}

describe("the product in workerd with a Durable Object", () => {
  const title = "reliability 1: a webhook that was answered with 200 is kept, also when workerd is killed at once";
  test(
    title,
    async () => {
      const team = await startPortableTeam(openObjectHost);
      await team.runTick("poll");
      await completeByWebhook(team);
    },
    LIMIT_MS,
  );
});

describe.runIf(IS_FULL_RUN)(
  "webhook, lost webhook, claims, tools, question and digest, each with kill -9 in its middle",
  () => {
    test("on Node with a file", () => runAllCases(openFileHost), LIMIT_MS);
    test.skipIf(!hasRedisServer())("on Node with Redis", () => runAllCases(openRedisHost), LIMIT_MS);
    test("in workerd with a Durable Object", () => runAllCases(openObjectHost), LIMIT_MS);
  },
);
