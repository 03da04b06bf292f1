import fc from "fast-check";
import { expect, test } from "vitest";
import { shortenTaskAnswers, type TaskAnswer } from "../../../../shared/tasks/views/task-list.ts";

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

const LONG_TEXTS = { title: `À ${"t".repeat(118)}`, description: "d".repeat(120) };

function createBlockedTask(by: number, task: Partial<TaskAnswer> = {}): TaskAnswer {
  const blocked_by = Array.from({ length: by }, (_, i) => ({ key: `ONB-${100 + i}`, status: "in_progress" as const }));
  const why_not = `waits for ${blocked_by.map(({ key }) => key).join(", ")}`;
  return { ...PLAIN_TASK, blocked_by, startable: false, why_not, ...task };
}

test("OPENCLAW-02 the tasks of a list stay unchanged when they fit 4 KB", () => {
  const tasks = [PLAIN_TASK, createBlockedTask(12, LONG_TEXTS)];
  expect(shortenTaskAnswers(tasks)).toEqual(tasks);
});

test("OPENCLAW-02 the tasks of a list lose their descriptions first, then the ends of their titles, and fit 4 KB", () => {
  const nine = shortenTaskAnswers(Array.from({ length: 9 }, () => ({ ...PLAIN_TASK, ...LONG_TEXTS })));
  for (const { title, description } of nine)
    expect({ title, description }).toEqual({ title: LONG_TEXTS.title, description: expect.stringMatching(/^d*…?$/) });
  const ten = shortenTaskAnswers(Array.from({ length: 10 }, () => createBlockedTask(1, LONG_TEXTS)));
  for (const { title, description } of ten)
    expect({ title, description }).toEqual({ title: expect.stringMatching(/^À t{12,}…$/), description: "" });
  for (const tasks of [nine, ten]) expect(measureJson({ tasks, age_s: 12, left_out: 12 })).toBeLessThanOrEqual(4_096);
});

test("OPENCLAW-02 a short text leaves its share of 4 KB to the other tasks of the list", () => {
  const short = Array.from({ length: 9 }, () => ({ ...PLAIN_TASK, description: "" }));
  const [long] = shortenTaskAnswers([{ ...PLAIN_TASK, ...LONG_TEXTS }, ...short]);
  expect(long).toMatchObject(LONG_TEXTS);
});

test("OPENCLAW-02 the blockers of a list's tasks are never shortened, and titles keep 20 bytes then", () => {
  const tasks = [createBlockedTask(40, LONG_TEXTS), createBlockedTask(80, LONG_TEXTS)];
  const shortened = shortenTaskAnswers(tasks);
  for (const [i, { blocked_by, why_not, title }] of shortened.entries()) {
    expect({ blocked_by, why_not }).toEqual({ blocked_by: tasks[i]?.blocked_by, why_not: tasks[i]?.why_not });
    expect(title).toMatch(/^À t{12,}…$/);
  }
});

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
    { numRuns: process.env["FULL"] ? 5_000 : 300 },
  );
});
