import fc from "fast-check";
import { expect, test } from "vitest";
import { shortenTaskAnswers, type TaskAnswer } from "../../../../shared/tasks/views/task-list.ts";
import { createAgentTestApp } from "../../../support/agent-test-app.ts";
import { getTool } from "../../../support/get-tool.ts";

const toKeys = ({ tasks }: { tasks: { key: string }[] }) => tasks.map(({ key }) => key);

test("OPENCLAW-02 list_my_tasks lists the caller's open tasks without a request to Plane: held ones first, then by priority, due date and age, with blocked ones last", async () => {
  const app = await createAgentTestApp();
  const blocker = app.addTask("1 blocker", "Imhotep", { priority: "urgent" });
  app.plane.relate(app.addTask("2 blocked", "Thot", { priority: "urgent" }), blocker);
  app.addTask("3 old and low", "Thot", { priority: "low" });
  app.advance(1_000);
  app.addTask("4 held", "Thot", { priority: "none" });
  app.addTask("5 due later", "Thot", { priority: "high", target_date: "2026-12-24" });
  app.addTask("6 due", "Thot", { priority: "high", target_date: "2026-12-01" });
  app.addTask("7 never due", "Thot", { priority: "high" });
  app.advance(1_000);
  app.addTask("8 young and low", "Thot", { priority: "low" });
  app.addTask("9 marked", "Thot", { priority: "urgent", labels: [app.plane.addLabel(app.onb, "blocked")] });
  app.addTask("10 somebody is at it", ["Thot", "Imhotep"], { priority: "urgent" });
  const labels = [app.plane.addLabel(app.onb, "review")];
  app.addTask("11 in review", "Thot", { state: "In Progress", labels });
  app.addTask("Done already", "Thot", { state: "Done" });
  await app.runFirstPoll();
  await app.actAs("Thot").claim("ONB-4");
  await app.actAs("Imhotep").claim("ONB-10");
  const list = await app.actAs("Thot").list({});
  expect(await app.recordRequests(() => app.actAs("Thot").list({}))).toEqual([]);
  expect(getTool("list_my_tasks").output.parse(list)).toEqual(list);
  expect(toKeys(list)).toEqual(["4", "6", "5", "7", "3", "8", "10", "11", "2", "9"].map((number) => `ONB-${number}`));
  const isoTime = expect.stringMatching(/Z$/);
  const blocked_by = [{ key: "ONB-1", status: "todo" }];
  for (const [key, fields] of Object.entries({
    "ONB-4": { held_until: isoTime },
    "ONB-2": { status: "todo", blocked_by, startable: false, why_not: "ONB-2 waits for ONB-1 (Imhotep)." },
    "ONB-9": { status: "blocked", why_not: "ONB-9 is marked as blocked in Plane." },
    "ONB-10": { startable: false, why_not: expect.stringMatching(/^Imhotep has worked on ONB-10 since/) },
    "ONB-11": { startable: false, why_not: expect.stringContaining("the review of Thot's work") },
  }))
    expect(list.tasks.find((task) => task.key === key)).toMatchObject(fields);
});

test("OPENCLAW-02 list_my_tasks is refused before the first read of Plane, returns the age of its data and, with fresh, reads Plane first", async () => {
  const app = await createAgentTestApp();
  const list = (fresh = false) => app.actAs("Thot").list({ fresh });
  app.addTask("Write it down", "Thot");
  const message = expect.stringContaining("has not read Plane yet");
  for (const fresh of [false, true]) await expect(list(fresh)).rejects.toMatchObject({ code: "unavailable", message });
  await app.runFirstPoll();
  app.advance(120_000);
  app.addTask("Brand new", "Thot");
  const old = await list();
  expect([toKeys(old), old.age_s >= 120]).toEqual([["ONB-1"], true]);
  let fresh = old;
  const asked = await app.recordRequests(async () => {
    fresh = await list(true);
  });
  expect(asked).toEqual(["GET work-items"]);
  expect([toKeys(fresh), fresh.age_s < 5]).toEqual([["ONB-1", "ONB-2"], true]);
});

test("OPENCLAW-02 list_my_tasks returns at most 50 tasks, whose texts are on one line without invisible characters, and counts the others", async () => {
  const app = await createAgentTestApp();
  const description_html = "<h1></h1><ul><li>a\u2066b</li></ul>";
  app.addTask("Wri\u202ete\u0000 it\u001b[31m\u200b down\nnow", "Thot", { description_html, priority: "urgent" });
  for (let i = 0; i < 59; i++)
    app.addTask(`${i} Überschrift über alles, was 書かれる ${"very ".repeat(40)}long`, "Thot");
  await app.runFirstPoll();
  const { tasks, left_out } = await app.actAs("Thot").list({});
  expect([new Set(tasks.map(({ key }) => key)).size, left_out]).toEqual([50, 10]);
  expect(tasks[0]?.title).toMatch(/^Write it \[31m/);
  for (const { title } of tasks.slice(1)) expect(title).toMatch(/^\d+ Überschrift/);
});

/** Size as MCP sends it: JSON in a string within JSON. */
const measureJson = (value: unknown) => Buffer.byteLength(JSON.stringify(JSON.stringify(value))) - 2;

const PLAIN_TASK: TaskAnswer = {
  ...{ id: "8d2a2d5e-6a43-4d6e-9f0b-0d3a7b1c2e4f", key: "ONB-12", title: "Write the welcome mail" },
  ...{ description: "Say what it is for.", status: "in_progress", priority: "urgent", due_date: "2026-12-24" },
  ...{ project: "ONB", blocked_by: [], url: "https://plane.example.com/javisi/browse/ONB-12/" },
};

function createBlockedTask(by: number, task: Partial<TaskAnswer> = {}): TaskAnswer {
  const blocked_by = Array.from({ length: by }, (_, i) => ({ key: `ONB-${100 + i}`, status: "in_progress" as const }));
  const why_not = `waits for ${blocked_by.map(({ key }) => key).join(", ")}`;
  return { ...PLAIN_TASK, blocked_by, startable: false, why_not, ...task };
}

test("OPENCLAW-02 the tasks of a list keep their identifying fields complete and split no character, in any language", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 120 }),
    fc.constantFrom("👩‍👩‍👧‍👦".repeat(10), "日本語の題名".repeat(20), '"\\'.repeat(60), "\u0001".repeat(120), ""),
  );
  const fields = fc.record({ title: text, description: text, by: fc.nat(5), held: fc.boolean() });
  fc.assert(
    fc.property(fc.array(fields, { maxLength: 12 }), (list) => {
      const given = list.map(({ title, description, by, held }) => {
        const wellFormed = { title: title.toWellFormed(), description: description.toWellFormed() };
        const holding = { ...PLAIN_TASK, ...wellFormed, held_until: "2026-11-21T08:00:00.000Z" };
        return held ? holding : createBlockedTask(by, wellFormed);
      });
      const tasks = shortenTaskAnswers(given);
      const withoutTexts = given.map((task) => ({ ...task, title: "t".repeat(20), description: "" }));
      expect(measureJson({ tasks, age_s: 12 })).toBeLessThanOrEqual(Math.max(4_096, measureJson(withoutTexts) + 80));
      for (const [i, { title, description, ...rest }] of tasks.entries()) {
        expect(given[i]).toMatchObject(rest);
        expect(title.isWellFormed() && description.isWellFormed()).toBe(true);
        if (given[i]?.title !== "") expect(title).not.toBe("");
      }
    }),
    { numRuns: process.env["FULL"] ? 5_000 : 50 },
  );
});
