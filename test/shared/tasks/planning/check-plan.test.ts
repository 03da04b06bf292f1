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

test("a plan that Plane would refuse later is refused before anything is created", async () => {
  const { app, plan } = await createPlanApp();
  for (const [wrong, message] of [
    [{ description: "x".repeat(100_001) }, "b: The text has 100,001 characters"],
    [{ due_date: "0000-01-01" }, 'b: "0000-01-01" is not a valid date'],
    [{ title: "\u001c\u0085" }, "b: the title is empty"],
    [{ title: "\u200b" }, "b: the title is empty"],
  ] as const)
    await expect(
      plan([
        { id: "a", title: "First" },
        { id: "b", title: "Second", ...wrong },
      ]),
    ).rejects.toMatchObject({ code: "bad_request", message: expect.stringContaining(message) });
  expect(app.plane.items(app.onb)).toEqual([]);
});
