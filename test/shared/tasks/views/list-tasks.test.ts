import { expect, test } from "vitest";
import { createAgentTestApp } from "../../../support/agent-test-app.ts";
import { getTool } from "../../../support/get-tool.ts";

const toKeys = ({ tasks }: { tasks: { key: string }[] }) => tasks.map(({ key }) => key);

test("OPENCLAW-02 list_my_tasks lists the caller's open tasks without a request to Plane: held ones first, then by priority, due date and age, with blocked ones last", async () => {
  const app = await createAgentTestApp();
  const blocker = app.addTask("1 blocker", "Imhotep", { priority: "urgent" });
  const blocked = app.addTask("2 blocked", "Thot", { priority: "urgent" });
  app.plane.relate(blocked, blocker);
  app.addTask("3 old and low", "Thot", { priority: "low" });
  app.advance(1_000);
  app.addTask("4 held", "Thot", { priority: "none" });
  app.addTask("5 due later", "Thot", { priority: "high", target_date: "2026-12-24" });
  app.addTask("6 due", "Thot", { priority: "high", target_date: "2026-12-01" });
  app.addTask("7 never due", "Thot", { priority: "high" });
  app.advance(1_000);
  app.addTask("8 young and low", "Thot", { priority: "low" });
  app.addTask("9 marked", "Thot", { priority: "urgent", labels: [app.plane.addLabel(app.onb, "blocked")] });
  const shared = app.addTask("10 somebody is at it", ["Thot", "Imhotep"], { priority: "urgent" });
  const review = app.addTask("11 in review", "Thot", {
    state: "In Progress",
    labels: [app.plane.addLabel(app.onb, "review")],
  });
  app.addTask("Done already", "Thot", { state: "Done" });
  await app.runFirstPoll();
  await app.actAs("Thot").claim("ONB-4");
  await app.actAs("Imhotep").claim(app.toTaskKey(shared));
  const list = await app.actAs("Thot").list({});
  expect(await app.recordRequests(() => app.actAs("Thot").list({}))).toEqual([]);
  expect(getTool("list_my_tasks").output.parse(list)).toEqual(list);
  expect(toKeys(list)).toEqual(["4", "6", "5", "7", "3", "8", "10", "11", "2", "9"].map((number) => `ONB-${number}`));
  const byKey = (key: string) => list.tasks.find((task) => task.key === key);
  expect(byKey("ONB-4")).toMatchObject({ held_until: expect.stringMatching(/Z$/) });
  expect(byKey("ONB-4")).not.toHaveProperty("startable");
  expect(byKey("ONB-2")).toMatchObject({
    status: "todo",
    blocked_by: [{ key: "ONB-1", status: "todo" }],
    startable: false,
    why_not: "ONB-2 waits for ONB-1 (Imhotep).",
  });
  expect(byKey("ONB-9")).toMatchObject({ status: "blocked", why_not: "ONB-9 is marked as blocked in Plane." });
  expect(byKey(app.toTaskKey(shared))).toMatchObject({
    startable: false,
    why_not: expect.stringMatching(/^Imhotep has worked on ONB-10 since/),
  });
  expect(byKey(app.toTaskKey(review))).toMatchObject({
    startable: false,
    why_not: expect.stringContaining("the review of Thot's work"),
  });
});

test("OPENCLAW-02 list_my_tasks returns the age of its data and, with fresh, reads Plane first", async () => {
  const app = await createAgentTestApp();
  app.addTask("Write it down", "Thot");
  await app.runFirstPoll();
  app.advance(120_000);
  app.addTask("Brand new", "Thot");
  const old = await app.actAs("Thot").list({});
  expect(toKeys(old)).toEqual(["ONB-1"]);
  expect(old.age_s).toBeGreaterThanOrEqual(120);
  let fresh = old;
  const asked = await app.recordRequests(async () => {
    fresh = await app.actAs("Thot").list({ fresh: true });
  });
  expect(asked).toEqual(["GET work-items"]);
  expect(toKeys(fresh)).toEqual(["ONB-1", "ONB-2"]);
  expect(fresh.age_s).toBeLessThan(5);
});

test("OPENCLAW-02 list_my_tasks is refused before the first read of Plane instead of returning an empty list", async () => {
  const app = await createAgentTestApp();
  app.addTask("Write it down", "Thot");
  for (const fresh of [false, true])
    await expect(app.actAs("Thot").list({ fresh })).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("has not read Plane yet"),
    });
});

test("OPENCLAW-02 list_my_tasks with fresh and more projects than one call may wait for continues when it is repeated", async () => {
  const app = await createAgentTestApp();
  for (let i = 0; i < 15; i++) app.plane.addProject({ name: `Project ${i}`, identifier: `P${i}` });
  await app.runFirstPoll();
  const began = app.time.now;
  const fresh = () => app.actAs("Thot").list({ fresh: true });
  const asked = await app.recordRequests(async () => {
    await expect(fresh()).rejects.toMatchObject({ code: "rate_limited", retryAfter: expect.any(Number) });
    app.advance(2_000);
    expect((await fresh()).age_s).toBe(Math.round((app.time.now - began) / 1000));
  });
  expect(asked).toHaveLength(16);
  expect(await app.recordRequests(async () => void (await fresh().catch(() => undefined)))).not.toHaveLength(0);
});

test("OPENCLAW-02 list_my_tasks returns at most 50 tasks, with titles to recognize them, and counts the others", async () => {
  const app = await createAgentTestApp();
  for (let i = 0; i < 60; i++)
    app.addTask(`${i} Überschrift über alles, was 書かれる ${"very ".repeat(40)}long`, "Thot");
  await app.runFirstPoll();
  const { tasks, left_out } = await app.actAs("Thot").list({});
  expect([new Set(tasks.map(({ key }) => key)).size, left_out]).toEqual([50, 10]);
  for (const { title } of tasks) expect(title).toMatch(/^\d+ Überschrift/);
});

test("OPENCLAW-02 list_my_tasks returns texts of others on one line without invisible and bidirectional characters", async () => {
  const app = await createAgentTestApp();
  app.addTask("Wri\u202ete\u0000 it\u001b[31m\u200b down\nnow", "Thot", {
    description_html: "<h1></h1><ul><li>a\u2066b</li></ul>",
  });
  await app.runFirstPoll();
  const { tasks } = await app.actAs("Thot").list({});
  expect(tasks[0]).toMatchObject({ title: "Write it [31m down now", description: "ab" });
});
