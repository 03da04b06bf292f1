import { expect, test } from "vitest";
import { createTaskOperations, type TaskOperations } from "../../../functions/agent/tool.ts";
import { PlaneRateLimitedError } from "../../../shared/plane/errors.ts";
import { createAgentTestApp } from "../../support/agent-test-app.ts";
import { crashAtStep } from "../../support/crash-at-step.ts";

/** An app in which the Concierge's call was interrupted a moment ago by the end of its process. */
async function interruptCall<T>(call: (work: TaskOperations) => Promise<T>, nth: number) {
  const app = await createAgentTestApp();
  app.advance(60_000);
  await app.runFirstPoll();
  const crash = crashAtStep(app.deps, nth, "after");
  const first = crash.orCrash(call(createTaskOperations(crash.deps, app.getCaller("Concierge"))));
  await expect(first).rejects.toThrow("The process ended.");
  await app.restart();
  return { app, retry: () => call(app.actAs("Concierge")) };
}

test("a call repeated right after a restart that interrupted it is refused with the time of the next attempt, and that attempt creates one task", async () => {
  const { app, retry: again } = await interruptCall((work) => work.create({ project: "ONB", title: "Tour" }), 2);
  const refused = await again().catch((thrown: unknown) => thrown);
  if (!(refused instanceof PlaneRateLimitedError)) throw refused;
  expect(refused.message).toContain("nothing is created twice");
  expect(refused.retryAfter).toBeLessThanOrEqual(60_000);
  app.advance(refused.retryAfter);
  expect(await again()).toMatchObject({ key: "ONB-1" });
  expect(app.plane.items(app.onb)).toHaveLength(1);
});
