import { expect, test } from "vitest";
import { noticesTick } from "../../../functions/notices.ts";
import { observedKeys } from "../../../shared/records/store-keys.ts";
import { refreshPeople } from "../../../shared/sync/projects.ts";
import { toBridgeToken } from "../../support/http-test-app.ts";
import { createRemarkSetup, DONE } from "./remark-setup.ts";

/** The setup of remarks, with the admin's part of the API. */
async function createBrakesSetup(options: Parameters<typeof createRemarkSetup>[0] = {}) {
  const setup = await createRemarkSetup(options);
  const { app } = setup;
  const listRequests = async (): Promise<Record<"id" | "kind" | "text" | "hash", string>[]> =>
    (await app.read("/api/requests")).requests;
  return {
    ...setup,
    listRequests,
    async answer(kind: string, given: string) {
      const { id = "", hash } = (await listRequests()).find((request) => request.kind === kind) ?? {};
      expect((await app.call(`/api/requests/${id}`, { answer: given, hash })).status).toBe(200);
    },
    readWhy: (key: string) => app.read(`/api/tasks/${key}/why`),
    async readNotices() {
      await noticesTick.run(app.deps);
      return app.read("/api/notices");
    },
    start: () => setup.call("Imhotep", "update_task_status", { task: "ONB-1", status: "in_progress" }),
    write: (text: string) => app.callTool("Imhotep", "add_comment", { task: "ONB-1", text }),
  };
}

test("AGENT-02 an agent that babbles is stopped by its limit of comments, and a person is asked once (reliability 52)", async () => {
  const { app, task, call, write, listRequests } = await createBrakesSetup();
  const statuses = [];
  for (let i = 0; i < 63; i++) statuses.push((await write(`Remark ${i}`)).status);
  expect(statuses.filter((status) => status === 200)).toHaveLength(60);
  expect(app.readComments(task).filter((html) => html.includes("Remark"))).toHaveLength(60);
  const refused = await write("One more");
  const message = expect.stringMatching(/limit of 60 comments in an hour .* ends at 2026-/);
  expect(refused).toMatchObject({
    status: 429,
    json: { error: { code: "rate_limited", message }, retry_after: expect.any(Number) },
  });
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(3_000);
  expect(await listRequests()).toMatchObject([
    { kind: "agent", text: "Imhotep wrote 60 comments in an hour: stop it?", answers: ["stop", "continue"] },
  ]);
  // Other calls and other agents.
  await call("Imhotep", "get_task_details", { task: "ONB-1" });
  await call("Thot", "list_my_tasks");
  app.advance(3_600_000);
  expect((await write("An hour later")).status).toBe(200);
});

test("AGENT-02 calls and costs have limits, of all agents or of one; what ends a task stays possible above the cost", async () => {
  const options = { config: { limits: { calls: 8, cost: 5 } } };
  const { app, call, start, write, listRequests } = await createBrakesSetup(options);
  await start();
  await call("Imhotep", "report", { task: "ONB-1", cost: 5 });
  expect(JSON.stringify((await write("x")).json)).toContain("5 cost in an hour");
  await call("Imhotep", "update_task_status", DONE);
  for (let i = 0; i < 9; i++) await app.callTool("Thot", "list_my_tasks");
  const { json } = await app.callTool("Thot", "list_my_tasks");
  expect(JSON.stringify(json)).toContain("8 calls in an hour (limits.calls)");
  expect((await listRequests()).map(({ text }) => text).sort()).toEqual([
    "Imhotep has cost $5.00 in an hour: stop it?",
    "Thot made 8 calls in an hour: stop it?",
  ]);
});

test("AGENT-02 a stopped agent works on nothing and is not woken until a person lets it work again", async () => {
  const setup = await createBrakesSetup({ config: { limits: { comments: 1 } } });
  const { app, task, call, answer, listRequests } = setup;
  await setup.start();
  for (const text of ["One", "Two"]) await setup.write(text);
  await answer("agent", "stop");
  await setup.work();
  expect(app.readPlaneItem(task)).toMatchObject({ state: "Todo" });
  const { json } = await app.callTool("Imhotep", "list_my_tasks");
  expect(json).toMatchObject({ error: { code: "stopped", message: expect.stringContaining("stopped by admin") } });
  await setup.comment("<p>Are you there?</p>");
  await setup.advanceSeconds(120);
  expect(setup.takeWakes()).toEqual([]);
  expect(await setup.readWhy("ONB-1")).toMatchObject({ kind: "braked", remedy: { label: "Answer" } });
  expect(await listRequests()).toMatchObject([{ kind: "agent", answers: ["resume"] }]);
  await answer("agent", "resume");
  await setup.advanceSeconds(90);
  expect(setup.takeWakes()).toMatchObject([{ agent: "imhotep", message: expect.stringContaining("Are you there?") }]);
  await call("Imhotep", "claim_task", { task: "ONB-1" });
});

test("AGENT-02 above its limit of wakes an agent gets one wake for all when a person lets it go on; stop works meanwhile (PEOPLE-02)", async () => {
  const setup = await createBrakesSetup({ config: { limits: { wakes: 2 } } });
  await setup.start();
  // Its run counts as over, so that it is woken for what people write.
  await setup.advanceSeconds(130);
  for (const text of ["One", "Two", "Three"]) await setup.comment(`<p>${text}</p>`);
  expect(setup.takeWakes().map(({ message }) => /One|Two|Three/.exec(message)?.[0])).toEqual(["One"]);
  const [{ text } = {}] = await setup.listRequests();
  expect(text).toBe("Imhotep was woken 2 times in an hour: stop it?");
  await setup.comment("<p>stop</p>");
  expect(setup.takeWakes().map(({ message }) => message.includes("stop at once"))).toEqual([true]);
  expect(setup.app.readPlaneItem(setup.task)).toMatchObject({ state: "Todo" });
  await setup.answer("agent", "continue");
  await setup.comment("<p>Four</p>");
  await setup.advanceSeconds(60);
  expect(setup.takeWakes()).toMatchObject([{ message: expect.stringMatching(/Two.*Three.*Four/s) }]);
});

test.each([
  ["outsiders", true],
  ["strangers, before Plane's members were read,", false],
])("AGENT-02 comments of %s cause a third of an agent's wakes at most; people's words wake", async (_, areRead) => {
  const setup = await createBrakesSetup({ config: { limits: { wakes: 9 } } });
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
  const { app, readNotices } = await createBrakesSetup({ env: { TRUSTED_PROXIES: "127.0.0.1/32" } });
  const callFrom = async (address: string, agent = "Thot") => {
    const init = { method: "POST", headers: { "x-forwarded-for": address }, body: "{}" };
    expect((await app.request("/agent/list_my_tasks", toBridgeToken(agent), init)).status).toBe(200);
  };
  for (const [address, agent] of [["10.0.0.7"], ["10.0.0.7"], ["10.0.0.9", "Concierge"]] as const)
    await callFrom(address, agent);
  expect(await readNotices()).toEqual({ notices: [] });
  await callFrom("192.0.2.1");
  const text = expect.stringContaining("Thot has been used from several addresses");
  const remedy = expect.stringContaining("npm run provision -- --rotate Thot");
  expect(await readNotices()).toMatchObject({ notices: [{ kind: "token_shared", text, remedy }] });
  app.advance(3_600_000);
  await callFrom("10.0.0.7");
  expect(await readNotices()).toEqual({ notices: [] });
});

test("AGENT-02 above a hard budget no agent is woken until a person agrees, who is asked once", async () => {
  const setup = await createBrakesSetup({ config: { budget: { amount: 5, stop: true } } });
  await setup.call("Imhotep", "report", { task: "ONB-1", cost: 6 });
  setup.app.addTask("Another", "Thot");
  await setup.work();
  await setup.advanceSeconds(180);
  expect(setup.takeWakes()).toEqual([]);
  expect(await setup.listRequests()).toMatchObject([{ kind: "budget", answers: ["approve", "reject"] }]);
  expect(await setup.readWhy("ONB-2")).toMatchObject({ kind: "budget_used_up" });
  await setup.answer("budget", "approve");
  await setup.advanceSeconds(60);
  expect(setup.takeWakes()).toMatchObject([{ agent: "thot" }]);
});
