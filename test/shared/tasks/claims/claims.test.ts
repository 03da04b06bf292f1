import { expect, test } from "vitest";
import { DEFAULT_CLAIM_MINUTES } from "../../../../shared/config/settings-file.ts";
import { findClaim } from "../../../../shared/records/claim-record.ts";
import { MIN_WRITE_MS, verifyClaim } from "../../../../shared/tasks/claim-lease.ts";
import { findTask } from "../../../../shared/tasks/find-task.ts";
import { MINUTE } from "../../../../shared/time.ts";
import { createAgentTestApp } from "../../../support/agent-test-app.ts";

/** The default of `claim_minutes`. */
const CLAIM_MS = DEFAULT_CLAIM_MINUTES * MINUTE;

/** Creates an app with one task, ONB-1, of Thot and Imhotep. */
async function createAppWithTask() {
  const app = await createAgentTestApp();
  const item = app.addTask("Write it down", ["Thot", "Imhotep"]);
  await app.runFirstPoll();
  const claim = (agent = "Thot", task = "ONB-1") => app.actAs(agent).claim(task);
  return { app, item, claim, report: () => app.actAs("Thot").report("ONB-1", {}) };
}

const toIsoTime = (at: number) => new Date(at).toISOString().replace(".000Z", "Z");

test("claiming a task is refused while another of its agents holds it, and takes it over after the claim expired, which the other's next call says", async () => {
  const { app, claim, report } = await createAppWithTask();
  const { since, until } = await claim();
  app.advance(MINUTE);
  await expect(claim("Imhotep")).rejects.toMatchObject({
    code: "conflict",
    message: `ONB-1 is held by Thot since ${toIsoTime(since)}, until ${toIsoTime(until)} unless renewed. Take another task; do not retry.`,
  });
  app.advance(CLAIM_MS);
  expect(await claim("Imhotep")).toMatchObject({ agent: "Imhotep" });
  await expect(report()).rejects.toThrow("the claim expired");
  await expect(report()).rejects.toThrow("ONB-1 is held by Imhotep");
});

test("a task that is done or has open blockers is not claimed, but a claim that exists is renewed", async () => {
  const { app, item, claim, report } = await createAppWithTask();
  const blocker = app.addTask("First this", "Imhotep");
  app.addTask("Long done", "Thot", { state: "Done" });
  app.plane.relate(item, blocker);
  await app.poll();
  await expect(claim("Thot", "ONB-3")).rejects.toThrow("ONB-3 is done. Closed tasks cannot be claimed.");
  for (const act of [claim, report])
    await expect(act()).rejects.toThrow("cannot be started: it waits for ONB-2 (todo)");
  app.plane.editItem(blocker, { state: "Done" });
  await app.poll();
  await claim();
  app.plane.editItem(blocker, { state: "Todo" });
  await app.poll();
  app.advance(MINUTE);
  await report();
  expect(await findClaim(app.deps, item.id)).toMatchObject({ until: app.time.now + CLAIM_MS });
});

test("verifying a claim right before a write repeats after a suspension, so that no write starts with less than 35 s left", async () => {
  const { app, claim } = await createAppWithTask();
  const held = await claim();
  const acting = app.createContext("Thot");
  const task = await findTask(acting, "ONB-1");
  const { store } = acting.deps;
  let stops = 1;
  const now = async () => {
    if (stops-- > 0) app.time.now += CLAIM_MS - MIN_WRITE_MS + 1;
    return store.now();
  };
  await verifyClaim({ ...acting, deps: { ...acting.deps, store: { ...store, now } } }, task, held);
  expect(await findClaim(app.deps, task.id)).toMatchObject({ until: app.time.now + CLAIM_MS });
});
