import { expect, test } from "vitest";
import { z } from "zod";
import { noticesTick } from "../../../functions/notices.ts";
import { observedKeys } from "../../../shared/records/store-keys.ts";
import { refreshPeople } from "../../../shared/sync/projects.ts";
import { HTTP_ADMIN_TOKEN, toBridgeToken } from "../../support/http-test-app.ts";
import { createRemarkSetup, type RemarkSetup } from "./remark-setup.ts";

const requestsSchema = z.object({
  requests: z.array(
    z.looseObject({
      id: z.string(),
      kind: z.string(),
      text: z.string(),
      hash: z.string(),
      answers: z.array(z.string()),
    }),
  ),
});

async function listRequests({ app }: RemarkSetup) {
  return requestsSchema.parse(await (await app.request("/api/requests", HTTP_ADMIN_TOKEN)).json()).requests;
}

async function answer(setup: RemarkSetup, kind: string, given: string) {
  const { id = "", hash } = (await listRequests(setup)).find((request) => request.kind === kind) ?? {};
  const init = { method: "POST", body: JSON.stringify({ answer: given, hash }) };
  const { status } = await setup.app.request(`/api/requests/${id}`, HTTP_ADMIN_TOKEN, init);
  expect(status).toBe(200);
}

const comment = ({ app }: RemarkSetup, text: string) => app.callTool("Imhotep", "add_comment", { task: "ONB-1", text });

test("AGENT-02 an agent that babbles is stopped by its limit of comments, and a person is asked once (reliability 52)", async () => {
  const setup = await createRemarkSetup();
  const { app } = setup;
  const statuses = [];
  for (let i = 0; i < 159; i++) statuses.push((await comment(setup, `Remark ${i}`)).status);
  expect(statuses.filter((status) => status === 200)).toHaveLength(60);
  expect(app.readComments(setup.task).filter((html) => html.includes("Remark"))).toHaveLength(60);
  const refused = await comment(setup, "One more");
  expect(refused).toMatchObject({
    status: 429,
    json: {
      error: {
        code: "rate_limited",
        message: expect.stringMatching(/limit of 60 comments in an hour .* ends at 2026-/),
      },
      retry_after: expect.any(Number),
    },
  });
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(3_000);
  expect(await listRequests(setup)).toMatchObject([
    { kind: "agent", text: "Imhotep wrote 60 comments in an hour: stop it?", answers: ["stop", "continue"] },
  ]);
  expect((await app.callTool("Imhotep", "get_task_details", { task: "ONB-1" })).status, "other calls").toBe(200);
  expect((await app.callTool("Thot", "list_my_tasks")).status, "other agents").toBe(200);
  app.advance(3_600_000);
  expect((await comment(setup, "An hour later")).status).toBe(200);
});

test("AGENT-02 calls and costs have limits, of all agents or of one; what ends a task stays possible above the cost", async () => {
  const setup = await createRemarkSetup({ config: { limits: { calls: 8, cost: 5 } } });
  const { app } = setup;
  await setup.call("Imhotep", "update_task_status", { task: "ONB-1", status: "in_progress" });
  await setup.call("Imhotep", "report", { task: "ONB-1", cost: 5 });
  expect((await comment(setup, "x")).json).toMatchObject({
    error: { message: expect.stringContaining("5 cost in an hour") },
  });
  const done = { task: "ONB-1", status: "done", text: "It is done.", confidence: 0.9 };
  await setup.call("Imhotep", "update_task_status", done);
  for (let i = 0; i < 9; i++) await app.callTool("Thot", "list_my_tasks");
  expect((await app.callTool("Thot", "list_my_tasks")).json).toMatchObject({
    error: { message: expect.stringContaining("8 calls in an hour (limits.calls)") },
  });
  expect((await listRequests(setup)).map(({ text }) => text).sort()).toEqual([
    "Imhotep has cost $5.00 in an hour: stop it?",
    "Thot made 8 calls in an hour: stop it?",
  ]);
});

test("AGENT-02 a stopped agent works on nothing and is not woken until a person lets it work again", async () => {
  const setup = await createRemarkSetup({ config: { limits: { comments: 1 } } });
  const { app, task } = setup;
  await setup.call("Imhotep", "update_task_status", { task: "ONB-1", status: "in_progress" });
  await comment(setup, "One");
  await comment(setup, "Two");
  await answer(setup, "agent", "stop");
  await setup.work();
  expect(app.readPlaneItem(task)).toMatchObject({ state: "Todo" });
  const { json } = await app.callTool("Imhotep", "list_my_tasks");
  expect(json).toMatchObject({ error: { code: "stopped", message: expect.stringContaining("stopped by admin") } });
  await setup.comment("<p>Are you there?</p>");
  await setup.advanceSeconds(120);
  expect(setup.takeWakes()).toEqual([]);
  const why = await app.request("/api/tasks/ONB-1/why", HTTP_ADMIN_TOKEN);
  expect(await why.json()).toMatchObject({ kind: "braked", remedy: { label: "Answer" } });
  expect(await listRequests(setup)).toMatchObject([{ kind: "agent", answers: ["resume"] }]);
  await answer(setup, "agent", "resume");
  await setup.advanceSeconds(90);
  expect(setup.takeWakes()).toMatchObject([{ agent: "imhotep", message: expect.stringContaining("Are you there?") }]);
  expect((await app.callTool("Imhotep", "claim_task", { task: "ONB-1" })).status).toBe(200);
});

test("AGENT-02 above its limit of wakes an agent gets one wake for all when a person lets it go on; stop works meanwhile (PEOPLE-02)", async () => {
  const setup = await createRemarkSetup({ config: { limits: { wakes: 2 } } });
  const { app, task } = setup;
  await setup.call("Imhotep", "update_task_status", { task: "ONB-1", status: "in_progress" });
  // Its run counts as over, so that it is woken for what people write.
  await setup.advanceSeconds(130);
  await setup.comment("<p>One</p>");
  await setup.comment("<p>Two</p>");
  await setup.comment("<p>Three</p>");
  expect(setup.takeWakes().map(({ message }) => /One|Two|Three/.exec(message)?.[0])).toEqual(["One"]);
  expect((await listRequests(setup)).map(({ text }) => text)).toEqual([
    "Imhotep was woken 2 times in an hour: stop it?",
  ]);
  await setup.comment("<p>stop</p>");
  expect(setup.takeWakes().map(({ message }) => message.includes("stop at once"))).toEqual([true]);
  expect(app.readPlaneItem(task)).toMatchObject({ state: "Todo" });
  await answer(setup, "agent", "continue");
  await setup.comment("<p>Four</p>");
  await setup.advanceSeconds(60);
  const [wake, ...others] = setup.takeWakes();
  expect(others).toEqual([]);
  expect(wake?.message).toMatch(/Two.*Three.*Four/s);
});

test.each([
  ["outsiders", true],
  ["strangers, before Plane's members were read,", false],
])("AGENT-02 comments of %s cause a third of an agent's wakes at most; people's words wake", async (_, areRead) => {
  const setup = await createRemarkSetup({ config: { limits: { wakes: 9 } } });
  const { app } = setup;
  const guest = app.plane.addUser({ name: "Guest", email: "guest@example.com", role: 5 });
  if (areRead) await refreshPeople(app.deps);
  const tasks = Array.from({ length: 5 }, (_, i) => app.addTask(`Task ${i}`, "Thot"));
  await setup.work();
  setup.takeWakes();
  if (!areRead) await app.deps.store.commit({ put: [{ key: observedKeys.members, value: undefined }] });
  for (const on of tasks) await setup.comment("<p>Buy my product</p>", { on, by: guest.id });
  expect(setup.takeWakes()).toHaveLength(3);
  await setup.comment("<p>Please hurry</p>", { on: tasks[4] ?? setup.task });
  expect(setup.takeWakes()).toMatchObject([{ message: expect.stringContaining("Please hurry") }]);
});

test("AGENT-01 a token that is used from a second address is a notice, which ends when it is not", async () => {
  const setup = await createRemarkSetup({ env: { TRUSTED_PROXIES: "127.0.0.1/32" } });
  const { app } = setup;
  const callFrom = async (address: string, agent = "Thot") => {
    const headers = { "x-forwarded-for": address };
    const init = { method: "POST", headers, body: "{}" };
    expect((await app.request("/agent/list_my_tasks", toBridgeToken(agent), init)).status).toBe(200);
  };
  const readNotices = async () => {
    await noticesTick.run(app.deps);
    return (await app.request("/api/notices", HTTP_ADMIN_TOKEN)).json();
  };
  await callFrom("10.0.0.7");
  await callFrom("10.0.0.7");
  await callFrom("10.0.0.9", "Concierge");
  expect(await readNotices()).toEqual({ notices: [] });
  await callFrom("192.0.2.1");
  expect(await readNotices()).toMatchObject({
    notices: [
      {
        kind: "token_shared",
        text: expect.stringContaining("Thot has been used from several addresses"),
        remedy: expect.stringContaining("npm run provision -- --rotate Thot"),
      },
    ],
  });
  app.advance(3_600_000);
  await callFrom("10.0.0.7");
  expect(await readNotices()).toEqual({ notices: [] });
});

test("AGENT-01 an agent that calls far more than in its busiest hour is a notice until the hour is over", async () => {
  const setup = await createRemarkSetup();
  const { app } = setup;
  const callTimes = async (n: number) => {
    for (let i = 0; i < n; i++) await app.callTool("Thot", "list_my_tasks");
  };
  const readKinds = async () => {
    await noticesTick.run(app.deps);
    return (await app.deps.notices.readCurrent()).map(({ kind }) => kind);
  };
  await callTimes(210);
  expect(await readKinds(), "nothing is known to compare with").toEqual([]);
  app.advance(24 * 3_600_000 * 14);
  await callTimes(210);
  expect(await readKinds()).toEqual(["token_pace"]);
  app.advance(3_600_000);
  expect(await readKinds()).toEqual([]);
});

test("AGENT-02 above a hard budget no agent is woken until a person agrees, who is asked once", async () => {
  const setup = await createRemarkSetup({ config: { budget: { amount: 5, stop: true } } });
  const { app } = setup;
  await setup.call("Imhotep", "report", { task: "ONB-1", cost: 6 });
  app.addTask("Another", "Thot");
  await setup.work();
  await setup.advanceSeconds(180);
  expect(setup.takeWakes()).toEqual([]);
  expect(await listRequests(setup)).toMatchObject([{ kind: "budget", answers: ["approve", "reject"] }]);
  const why = await app.request("/api/tasks/ONB-2/why", HTTP_ADMIN_TOKEN);
  expect(await why.json()).toMatchObject({ kind: "budget_used_up" });
  await answer(setup, "budget", "approve");
  await setup.advanceSeconds(60);
  expect(setup.takeWakes()).toMatchObject([{ agent: "thot" }]);
});
