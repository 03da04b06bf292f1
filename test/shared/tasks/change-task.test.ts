import { expect, test } from "vitest";
import { DEFAULT_CLAIM_MINUTES } from "../../../shared/config/settings-file.ts";
import { changeTask, createStatusFields } from "../../../shared/tasks/change-task.ts";
import { claimTask } from "../../../shared/tasks/claims.ts";
import { findTask } from "../../../shared/tasks/find-task.ts";
import { MINUTE } from "../../../shared/time.ts";
import { createAgentTestApp } from "../../support/agent-test-app.ts";

/** The default of `claim_minutes`. */
const CLAIM_MS = DEFAULT_CLAIM_MINUTES * MINUTE;

async function createClaimedTask(options: Parameters<typeof createAgentTestApp>[0] = {}) {
  const app = await createAgentTestApp({ needsActor: true, ...options });
  const item = app.addTask("Write it down", "Thot");
  await app.runFirstPoll();
  const acting = app.createContext("Thot");
  const task = await findTask(acting, "ONB-1");
  const claim = await claimTask(acting, task);
  const inProgress = await createStatusFields(app.deps, task, "in_progress");
  return { app, item, acting, task, claim, inProgress };
}

test("the answer of a change contains what people changed while the call waited for its turn", async () => {
  const { app, item, acting, task, claim, inProgress } = await createClaimedTask();
  await acting.waitForTurn("another call of this agent");
  app.onNextWait(() => {
    app.plane.editItem(item, { name: "Write it up" });
    void app.deliverWebhooks();
  });
  const after = await changeTask(acting, task, inProgress, { claim });
  expect(after.item.snapshot).toMatchObject({ status: "in_progress", name: "Write it up" });
});

/** Advances the clock, as for a suspended process, right before the n-th PATCH is sent or after it was answered. */
function stopping(at: "before" | "after", time: () => { now: number }): typeof fetch {
  return async (input, init) => {
    const patch = init?.method === "PATCH";
    if (patch && at === "before") time().now += CLAIM_MS + 1;
    const answer = await fetch(input, init);
    if (patch && at === "after") time().now += CLAIM_MS + 1;
    return answer;
  };
}

test.each(["before", "after"] as const)(
  "an agent whose process is suspended past its lease gets the result of a write it had already started: suspended %s it reached Plane",
  async (at) => {
    let time = { now: 0 };
    const { app, acting, task, claim, inProgress } = await createClaimedTask({ fetch: stopping(at, () => time) });
    time = app.time;
    await expect(changeTask(acting, task, inProgress, { claim })).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringMatching(/the claim expired.*ONB-1 is in_progress in Plane now/),
    });
    expect((await findTask(app.createContext("Thot"), "ONB-1")).item.snapshot.status).toBe("in_progress");
  },
);
