import { expect, test } from "vitest";
import { createWorkJob } from "../../shared/jobs/internal-jobs.ts";
import { wait } from "../../shared/time.ts";
import type { Item } from "../../simulators/plane/types.ts";
import { startGateway } from "../support/openclaw-gateway.ts";
import { startRuntimeWithAgents } from "./runtime-with-agents.ts";
import { RELIABILITY_ADMIN_TOKEN, SIMULATED_CHAT, toAgentToken } from "./simulators.ts";

const PERSON = 12_345_678;
const SECRET = "telegram-secret-for-the-stop-tests";
const WAIT = { timeout: 30_000, interval: 250 };

const AGENT = { authorization: `Bearer ${toAgentToken("Imhotep")}` };
const ADMIN = { authorization: `Bearer ${RELIABILITY_ADMIN_TOKEN}` };

function post(url: string, body: object, headers: Record<string, string>): Promise<Response> {
  const all = { "content-type": "application/json", ...headers };
  return fetch(url, { method: "POST", headers: all, body: JSON.stringify(body) });
}

/** Jobs that each wait for a Plane that is away. */
function createWaitingJobs(tasks: readonly Item[], count: number) {
  return Array.from({ length: count }, (_, i) => {
    const item = tasks[i % tasks.length]?.id ?? "";
    const body = { type: "post_remark", item, remark: `old-${i}`, by: "Ada", text: "old", correlation: "c" } as const;
    return createWorkJob(`old:${i}`, `old:${i}`, body);
  });
}

test("reliability 37: stops from Plane, Telegram and the page end the work within 5 s while Plane is away and 500 jobs wait", async () => {
  // The gateway is simulated too, with a real clock for everything but the agents' pace.
  const gateway = await startGateway({ version: "2026.9.6" });
  const wake = { kind: "openclaw", url: gateway.url };
  const rig = await startRuntimeWithAgents({ agents: ["Concierge", "Imhotep"], wake });
  const { plane } = rig;
  const tasks = ["One", "Two", "Three"].map((name) => rig.addTask(name, "Imhotep", { state: "Todo" }));
  const [first = tasks[0] as unknown as Item] = tasks;
  const { url, deps } = await rig.startRuntimeAndPoll({
    ...Object.fromEntries(Object.entries(rig.env).filter(([name]) => name.startsWith("TELEGRAM_"))),
    TELEGRAM_ALLOWED_USERS: String(PERSON),
    TELEGRAM_WEBHOOK_SECRET: SECRET,
    OPENCLAW_HOOK_TOKEN: gateway.token,
  });
  async function call(tool: string, input: object) {
    const response = await post(`${url}/agent/${tool}`, input, AGENT);
    return (await response.json()) as { error?: { code: string; message: string } };
  }
  let updates = 0;
  function postTelegram(text: string) {
    updates += 1;
    const from = { id: PERSON, is_bot: false, first_name: "Ada" };
    const chat = { id: SIMULATED_CHAT, type: "private" };
    const message = { message_id: 900 + updates, date: Math.floor(Date.now() / 1000), from, chat, text };
    const headers = { "x-telegram-bot-api-secret-token": SECRET };
    return post(`${url}/webhooks/telegram`, { update_id: updates, message }, headers);
  }
  for (const task of ["ONB-1", "ONB-2", "ONB-3"])
    expect(await call("update_task_status", { task, status: "in_progress" })).not.toHaveProperty("error");
  await deps.drain();
  rig.takeWebhookBodies();
  plane.addComment(first, "<p>stop: wrong customer</p>");
  const [body = ""] = rig.takeWebhookBodies().filter((text) => text.includes("issue_comment"));
  await plane.takeDown();
  await deps.store.commit({ jobs: createWaitingJobs(tasks, 500) });
  deps.notify();
  for (let n = 0; n < 20; n += 1) await postTelegram("/plane done ONB-2 sent");
  await wait(1_000);
  expect((await deps.store.stats()).queues.work.pending).toBeGreaterThanOrEqual(490);

  const startedAt = Date.now();
  const responses = [
    await fetch(`${url}/webhooks/plane`, { method: "POST", headers: rig.createDeliveryHeaders(body), body }),
    await postTelegram("/plane stop ONB-2 not needed any more"),
    await post(`${url}/api/tasks/ONB-3/remarks`, { text: "Arrête !" }, ADMIN),
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
      const { error } = await call(tool, { task: key, ...input });
      if (error?.code === "stopped") refusals[key] = error.message;
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
  const readWakes = () => gateway.runs.map(({ message }) => message).join("\n");
  await expect.poll(readWakes, WAIT).toMatch(/stop at once[\s\S]*ONB-3|ONB-3[\s\S]*stop at once/);
}, 90_000);

test("reliability 37: what Plane gets of a stop follows when Plane is back", async () => {
  const rig = await startRuntimeWithAgents({ agents: ["Concierge", "Imhotep"] });
  const { plane } = rig;
  const item = rig.addTask("One", "Imhotep", { state: "Todo" });
  const { url, deps } = await rig.startRuntimeAndPoll();
  const start = { task: "ONB-1", status: "in_progress" };
  expect((await post(`${url}/agent/update_task_status`, start, AGENT)).status).toBe(200);
  await deps.drain();
  await plane.takeDown();
  expect((await post(`${url}/api/tasks/ONB-1/remarks`, { text: "stop" }, ADMIN)).status).toBe(200);
  await wait(500);
  await plane.bringUp();
  const readPlane = () => {
    rig.advance(10_000);
    const comments = plane.comments(item).map(({ comment_html }) => comment_html);
    return [
      plane.states(rig.onb).find(({ id }) => id === plane.item(item)?.state)?.name,
      ...["wrote:", "Stopped by"].map((words) => comments.filter((html) => html.includes(words)).length),
    ];
  };
  await expect.poll(readPlane, WAIT).toEqual(["Todo", 1, 1]);
});
