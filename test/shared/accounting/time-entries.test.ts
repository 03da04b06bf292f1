import { expect, test } from "vitest";
import { readTaskTimes } from "../../../shared/accounting/time-entries.ts";
import { findClaim } from "../../../shared/records/claim-record.ts";
import { expireClaims } from "../../../shared/tasks/lifecycle/claim-upkeep.ts";
import { MINUTE } from "../../../shared/time.ts";
import { createAgentTestApp } from "../../support/agent-test-app.ts";

async function createAppWithTask() {
  const app = await createAgentTestApp();
  const item = app.addTask("Write it down", ["Thot", "Imhotep"]);
  await app.runFirstPoll();
  return { app, item };
}

test("A timer (OPENCLAW-06) claims the task, and its time is listed and summed up", async () => {
  const { app, item } = await createAppWithTask();
  const started = await app.actAs("Thot").startTimer("ONB-1");
  expect(started).toMatchObject({ key: "ONB-1", already: false, spent: 0 });
  expect(await findClaim(app.deps, item.id)).toMatchObject({ agent: "Thot" });
  app.advance(5 * MINUTE);
  expect((await readTaskTimes(app.deps, item.id)).totals).toEqual({ Thot: 5 * MINUTE });
  const stopped = await app.actAs("Thot").stopTimer("ONB-1");
  expect(stopped).toMatchObject({ stopped: true, from: started.since, to: started.since + 5 * MINUTE });
  app.advance(MINUTE);
  expect(await readTaskTimes(app.deps, item.id)).toEqual({
    entries: [{ agent: "Thot", from: started.since, to: started.since + 5 * MINUTE, ms: 5 * MINUTE }],
    carried: {},
    totals: { Thot: 5 * MINUTE },
    spent: 5 * MINUTE,
    stopped: { Thot: 5 * MINUTE },
    running: [],
  });
});

test("A timer (OPENCLAW-06) continues while Groundcrew itself is down and stops when its agent stops it", async () => {
  const { app, item } = await createAppWithTask();
  await expireClaims(app.deps, "test");
  const { since } = await app.actAs("Thot").startTimer("ONB-1");
  app.advance(40 * MINUTE);
  await app.restart();
  expect(await app.actAs("Thot").stopTimer("ONB-1")).toMatchObject({ stopped: true, from: since });
  const { entries, totals } = await readTaskTimes(app.deps, item.id);
  expect(entries).toHaveLength(1);
  expect(totals["Thot"]).toBeGreaterThanOrEqual(40 * MINUTE);
  app.advance(MINUTE);
  expect((await readTaskTimes(app.deps, item.id)).totals).toEqual(totals);
});
