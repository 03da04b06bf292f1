import fc from "fast-check";
import { expect, test } from "vitest";
import { shortenTaskAnswer } from "../../../../shared/work/views/shorten-task-answer.ts";
import type { TaskAnswer } from "../../../../shared/work/views/task-answer.ts";

/** Size as MCP sends it: JSON in a string within JSON. */
const measureJson = (value: unknown) => Buffer.byteLength(JSON.stringify(JSON.stringify(value))) - 2;

const PLAIN_TASK: TaskAnswer = {
  id: "8d2a2d5e-6a43-4d6e-9f0b-0d3a7b1c2e4f",
  key: "ONB-12",
  title: "Write the welcome mail",
  description: "Say what it is for.",
  status: "in_progress",
  priority: "urgent",
  due_date: "2026-12-24",
  project: "ONB",
  blocked_by: [],
  url: "https://plane.example.com/javisi/browse/ONB-12/",
};

function createBlockedTask(by: number, task: Partial<TaskAnswer> = {}): TaskAnswer {
  const blocked_by = Array.from({ length: by }, (_, i) => ({ key: `ONB-${100 + i}`, status: "in_progress" as const }));
  const why_not = `waits for ${blocked_by.map(({ key }) => key).join(", ")}`;
  return { ...PLAIN_TASK, blocked_by, startable: false, why_not, ...task };
}

test("OPENCLAW-02 a task in a list, limited to 400 bytes also within an MCP answer, stays unchanged when it is small", () => {
  expect(shortenTaskAnswer(PLAIN_TASK)).toEqual(PLAIN_TASK);
});

test("OPENCLAW-02 a task in a list, limited to 400 bytes also within an MCP answer, loses its description first, then the end of its title", () => {
  const title = "t".repeat(80);
  const first = shortenTaskAnswer({ ...PLAIN_TASK, title, description: "d".repeat(120) });
  expect(first).toMatchObject({ title, description: expect.stringMatching(/^d+…$/) });
  const second = shortenTaskAnswer(createBlockedTask(1, { title: "t".repeat(120), description: "d".repeat(120) }));
  expect(second).toMatchObject({ title: expect.stringMatching(/^t{20,}…$/), description: "" });
  for (const task of [first, second]) expect(measureJson(task)).toBeLessThanOrEqual(400);
});

test("OPENCLAW-02 a task in a list, limited to 400 bytes also within an MCP answer, names the first blockers and counts all of them when they do not fit", () => {
  const task = shortenTaskAnswer(createBlockedTask(40));
  expect(task.blocked_by.length).toBeGreaterThan(0);
  expect(task.blocked_by[0]).toEqual({ key: "ONB-100", status: "in_progress" });
  expect(task).toMatchObject({ title: PLAIN_TASK.title, why_not: "waits for 40", startable: false });
  expect(measureJson(task)).toBeLessThanOrEqual(400);
});

test("OPENCLAW-02 a task in a list, limited to 400 bytes also within an MCP answer, is larger with an unusually long URL and still identifies the task and its blockers", () => {
  const url = `https://${"plane.".repeat(60)}example.com/javisi/browse/ONB-12/`;
  const task = shortenTaskAnswer(createBlockedTask(5, { url, title: "t".repeat(120), description: "d".repeat(120) }));
  expect(task).toMatchObject({ url, title: expect.stringMatching(/^t{13}…$/), description: "" });
  expect(task.blocked_by).toHaveLength(1);
  expect(task.why_not).toBe("waits for 5");
});

test("OPENCLAW-02 a task in a list, limited to 400 bytes also within an MCP answer, keeps its identifying fields complete and splits no character, in any language", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 120 }),
    fc.constantFrom("👩‍👩‍👧‍👦".repeat(10), "日本語の題名".repeat(20), '"\\'.repeat(60), "\u0001".repeat(120), ""),
  );
  const tasks = fc.record({ title: text, description: text, by: fc.nat(30), held: fc.boolean() });
  fc.assert(
    fc.property(tasks, ({ title, description, by, held }) => {
      const wellFormed = { title: title.toWellFormed(), description: description.toWellFormed() };
      const holding = { ...PLAIN_TASK, ...wellFormed, held_until: "2026-11-21T08:00:00.000Z" };
      const given = held ? holding : createBlockedTask(by, wellFormed);
      const task = shortenTaskAnswer(given);
      expect(measureJson(task)).toBeLessThanOrEqual(400);
      const { title: _, description: __, blocked_by, why_not, ...rest } = task;
      expect(given).toMatchObject(rest);
      expect(given.blocked_by.slice(0, blocked_by.length)).toEqual(blocked_by);
      expect(why_not === undefined).toBe(held);
      expect(task.title.isWellFormed() && task.description.isWellFormed()).toBe(true);
      if (wellFormed.title !== "") expect(task.title).not.toBe("");
    }),
    { numRuns: process.env["FULL"] ? 5_000 : 300 },
  );
});
