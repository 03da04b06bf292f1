import { expect, test } from "vitest";
import { createWorkJob } from "../../shared/jobs/internal-jobs.ts";
import { wait } from "../../shared/time.ts";
import type { Item } from "../../simulators/plane/types.ts";
import { startGateway } from "../support/openclaw-gateway.ts";
import { startRuntimeWithAgents, toAgentToken } from "./runtime-with-agents.ts";
import { RELIABILITY_ADMIN_TOKEN, SIMULATED_CHAT } from "./simulators.ts";

const PERSON = 12_345_678;
const SECRET = "telegram-secret-for-the-stop-tests";

/** Creates an agent at work on three tasks, whose gateway is simulated too, with a real clock for everything but its pace. */
async function startBusyTeam() {
  const gateway = await startGateway({ version: "2026.9.6" });
  const rig = await startRuntimeWithAgents({
    agents: ["Concierge", "Imhotep"],
    wake: { kind: "openclaw", url: gateway.url },
  });
  const tasks = ["One", "Two", "Three"].map((name) => rig.addTask(name, "Imhotep", { state: "Todo" }));
  const telegram = Object.entries(rig.env).filter(([name]) => name.startsWith("TELEGRAM_"));
  const runtime = await rig.startRuntimeAndPoll({
    ...Object.fromEntries(telegram),
    TELEGRAM_ALLOWED_USERS: String(PERSON),
    TELEGRAM_WEBHOOK_SECRET: SECRET,
    OPENCLAW_HOOK_TOKEN: gateway.token,
  });
  async function call(tool: string, input: object) {
    const headers = { authorization: `Bearer ${toAgentToken("Imhotep")}`, "content-type": "application/json" };
    const response = await fetch(`${runtime.url}/agent/${tool}`, {
      method: "POST",
      headers,
      body: JSON.stringify(input),
    });
    return { status: response.status, json: (await response.json()) as { error?: { code: string; message: string } } };
  }
  let updates = 0;
  return {
    ...rig,
    runtime,
    gateway,
    tasks,
    call,
    async start(task: string) {
      const { status, json } = await call("update_task_status", { task, status: "in_progress" });
      if (status !== 200) throw new Error(JSON.stringify(json));
    },
    /** Posts a webhook of Plane, as it was signed. */
    postWebhook: (body: string) =>
      fetch(`${runtime.url}/webhooks/plane`, { method: "POST", headers: rig.createDeliveryHeaders(body), body }),
    postTelegram(text: string) {
      updates += 1;
      const from = { id: PERSON, is_bot: false, first_name: "Ada" };
      const chat = { id: SIMULATED_CHAT, type: "private" };
      const message = { message_id: 900 + updates, date: Math.floor(Date.now() / 1000), from, chat, text };
      return fetch(`${runtime.url}/webhooks/telegram`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-telegram-bot-api-secret-token": SECRET },
        body: JSON.stringify({ update_id: updates, message }),
      });
    },
    postPage: (key: string, text: string) =>
      fetch(`${runtime.url}/api/tasks/${key}/remarks`, {
        method: "POST",
        headers: { authorization: `Bearer ${RELIABILITY_ADMIN_TOKEN}`, "content-type": "application/json" },
        body: JSON.stringify({ text }),
      }),
  };
}

/** Jobs that each wait for a Plane that is away, in all queues that talk to it. */
function createWaitingJobs(tasks: readonly Item[], count: number) {
  return Array.from({ length: count }, (_, i) => {
    const item = tasks[i % tasks.length]?.id ?? "";
    const body = { type: "post_remark", item, remark: `old-${i}`, by: "Ada", text: "old", correlation: "c" } as const;
    return createWorkJob(`old:${i}`, `old:${i}`, body);
  });
}

test("reliability 37: stops from Plane, Telegram and the page end the work within 5 s while Plane is away and 500 jobs wait", async () => {
  const rig = await startBusyTeam();
  const { tasks, call, gateway, runtime, plane } = rig;
  for (const key of ["ONB-1", "ONB-2", "ONB-3"]) await rig.start(key);
  await runtime.deps.drain();
  rig.takeWebhookBodies();
  const [first] = tasks;
  if (!first) throw new Error("There is no task.");
  plane.addComment(first, "<p>stop: wrong customer</p>");
  const bodies = rig.takeWebhookBodies().filter((body) => body.includes("issue_comment"));
  await plane.takeDown();
  await runtime.deps.store.commit({ jobs: createWaitingJobs(tasks, 500) });
  runtime.deps.notify();
  for (let n = 0; n < 20; n += 1) await rig.postTelegram("/plane done ONB-2 sent");
  await wait(1_000);
  const { queues } = await runtime.deps.store.stats();
  expect(queues.work.pending).toBeGreaterThanOrEqual(490);

  const startedAt = Date.now();
  const responses = [
    ...(await Promise.all(bodies.map(rig.postWebhook))),
    await rig.postTelegram("/plane stop ONB-2 not needed any more"),
    await rig.postPage("ONB-3", "Arrête !"),
  ];
  expect(responses.map(({ ok }) => ok)).toEqual([true, true, true]);
  const refusals: Record<string, string> = {};
  while (Object.keys(refusals).length < 3 && Date.now() - startedAt < 15_000) {
    for (const [key, tool, input] of [
      ["ONB-1", "report", { text: "going on" }],
      ["ONB-2", "update_task_status", { status: "done", text: "Done." }],
      ["ONB-3", "get_task_details", {}],
    ] as const) {
      if (refusals[key] !== undefined || (tool !== "report" && Date.now() - startedAt < 1_000)) continue;
      const { json } = await call(tool, { task: key, ...input });
      if (json.error?.code === "stopped") refusals[key] = json.error.message;
    }
    await wait(50);
  }
  const elapsed = Date.now() - startedAt;
  expect(refusals).toEqual({
    "ONB-1": expect.stringMatching(/^ONB-1 was stopped by ada at .*, who wrote: "stop: wrong customer"\./),
    "ONB-2": expect.stringMatching(/^ONB-2 was stopped by Ada \(Telegram\) at .*"stop: not needed any more"\./),
    "ONB-3": expect.stringMatching(/^ONB-3 was stopped by admin at .*, who wrote: "Arrête !"\./),
  });
  expect(elapsed).toBeLessThan(5_000);
  while (Date.now() - startedAt < 8_000 && !gateway.runs.some(({ message }) => message.includes("ONB-3")))
    await wait(50);
  expect(gateway.runs.map(({ message }) => message).join("\n")).toContain("stop at once");
  console.log("3 stops, Plane away, 500 jobs waiting, ms:", elapsed);
}, 60_000);

test("reliability 37: what Plane gets of a stop follows when Plane is back", async () => {
  const rig = await startBusyTeam();
  const { tasks, runtime, plane } = rig;
  const [first] = tasks;
  if (!first) throw new Error("There is no task.");
  await rig.start("ONB-1");
  await runtime.deps.drain();
  await plane.takeDown();
  expect((await rig.postPage("ONB-1", "stop")).status).toBe(200);
  await wait(500);
  await plane.bringUp();
  const readState = () => plane.states(rig.onb).find(({ id }) => id === plane.item(first)?.state)?.name;
  for (let tries = 0; tries < 60 && readState() !== "Todo"; tries += 1) {
    rig.advance(10_000);
    await wait(250);
  }
  expect(readState()).toBe("Todo");
  for (let tries = 0; tries < 40 && hasBoth().some(({ length }) => length === 0); tries += 1) {
    rig.advance(10_000);
    await wait(250);
  }
  function hasBoth() {
    const comments = plane.comments(first as Item).map(({ comment_html }) => comment_html);
    return [comments.filter((html) => html.includes("wrote:")), comments.filter((html) => html.includes("Stopped by"))];
  }
  expect(hasBoth().map((found) => found.length)).toEqual([1, 1]);
}, 60_000);
