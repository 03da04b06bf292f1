import { expect, test } from "vitest";
import { createAgentTestApp } from "../../../support/agent-test-app.ts";

async function createPlanApp() {
  const app = await createAgentTestApp({ config: { plan: { approve: false } } });
  app.advance(60_000);
  await app.runFirstPoll();
  await app.addWish();
  const plan = (tasks: { id: string; title: string; description?: string; due_date?: string }[]) =>
    app.actAs("Concierge").plan({ project: "ONB", tasks });
  return { app, plan };
}

test.each([
  [{ description: "x".repeat(100_001) }, "b: The text has 100,001 characters"],
  [{ due_date: "0000-01-01" }, 'b: "0000-01-01" is not a valid date'],
  [{ title: "\u001c\u0085" }, "b: the title is empty"],
  [{ title: "\u200b" }, "b: the title is empty"],
])("a plan that Plane would refuse later is refused before anything is created: %o", async (wrong, message) => {
  const { app, plan } = await createPlanApp();
  const tasks = [
    { id: "a", title: "First" },
    { id: "b", title: "Second", ...wrong },
  ];
  await expect(plan(tasks)).rejects.toMatchObject({ code: "bad_request", message: expect.stringContaining(message) });
  expect(app.plane.items(app.onb)).toEqual([]);
});

test("characters that Plane cannot store are removed from a title, and all others stay", async () => {
  const { app, plan } = await createPlanApp();
  await plan([{ id: "a", title: " T\0our\ud800 <b>\u202e_*[ \u{1F469}\u200D\u{1F680} $(id) \n --flag " }]);
  await app.runUntilIdle();
  expect(app.plane.items(app.onb).map(({ name }) => name)).toEqual([
    "Tour\ufffd <b>\u202e_*[ \u{1F469}\u200D\u{1F680} $(id) \n --flag",
  ]);
});

test("a plan of tens of thousands of tasks is refused with a short text", async () => {
  const { plan } = await createPlanApp();
  const tasks = Array.from({ length: 40_000 }, () => ({ id: "a", title: "" }));
  await expect(plan(tasks)).rejects.toThrow(/at most 200 tasks; this one has 40000\.$/);
});
