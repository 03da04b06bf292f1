import { expect, test } from "vitest";
import { DEFAULT_CLAIM_MINUTES } from "../../../../shared/config/settings-file.ts";
import { findClaim } from "../../../../shared/records/claim-record.ts";
import { MIN_WRITE_MS, verifyClaim } from "../../../../shared/tasks/claim-lease.ts";
import { ensureClaim } from "../../../../shared/tasks/claims.ts";
import { findTask } from "../../../../shared/tasks/find-task.ts";
import { MINUTE } from "../../../../shared/time.ts";
import { createAgentTestApp } from "../../../support/agent-test-app.ts";

/** The default of `claim_minutes`. */
const CLAIM_MS = DEFAULT_CLAIM_MINUTES * MINUTE;

/** Creates an app with one task, ONB-1, of these agents. */
async function createAppWithTask(to: string | string[] = "Thot") {
  const app = await createAgentTestApp();
  const item = app.addTask("Write it down", to);
  await app.runFirstPoll();
  const createTaskContext = async (agent: string) => {
    const acting = app.createContext(agent);
    return [acting, await findTask(acting, "ONB-1")] as const;
  };
  return { app, item, createTaskContext, claim: async (agent = "Thot") => app.actAs(agent).claim("ONB-1") };
}

const toIsoTime = (at: number) => new Date(at).toISOString().replace(".000Z", "Z");

test("claiming a task is refused while another of its agents holds it, with who, since when and until when", async () => {
  const { app, claim } = await createAppWithTask(["Thot", "Imhotep"]);
  const heldClaim = await claim();
  app.advance(MINUTE);
  await expect(claim("Imhotep")).rejects.toMatchObject({
    code: "conflict",
    message: `ONB-1 is held by Thot since ${toIsoTime(heldClaim.since)}, until ${toIsoTime(heldClaim.until)} unless renewed. Take another task; do not retry.`,
  });
});

test("claiming a task that is done or has open blockers is refused with the reason", async () => {
  const app = await createAgentTestApp();
  const [first, second, third] = ["One", "Two", "Three"].map((name) => app.addTask(name, "Thot"));
  if (!first || !second || !third) throw new Error("three tasks");
  app.plane.editItem(first, { state: "Done" });
  app.plane.relate(third, second);
  await app.runFirstPoll();
  await expect(app.actAs("Thot").claim("ONB-1")).rejects.toThrow("ONB-1 is done. Closed tasks cannot be claimed.");
  await expect(app.actAs("Thot").claim("ONB-3")).rejects.toThrow("ONB-3 cannot be started: it waits for ONB-2 (todo)");
});

test("claiming a task after another agent's claim expired takes it over, and the other agent's next call is refused with the loss", async () => {
  const { app, claim, createTaskContext } = await createAppWithTask(["Thot", "Imhotep"]);
  await claim("Thot");
  app.advance(CLAIM_MS);
  expect(await claim("Imhotep")).toMatchObject({ agent: "Imhotep" });
  await expect(ensureClaim(...(await createTaskContext("Thot")))).rejects.toThrow("the claim expired");
  await expect(ensureClaim(...(await createTaskContext("Thot")))).rejects.toThrow("ONB-1 is held by Imhotep");
});

test("a call that needs the claim takes no claim of a task with open blockers, but renews an existing one", async () => {
  const { app, item, createTaskContext, claim } = await createAppWithTask();
  const other = app.addTask("First this", "Imhotep");
  app.plane.relate(item, other);
  await app.poll();
  await expect(ensureClaim(...(await createTaskContext("Thot")))).rejects.toThrow(
    "ONB-1 cannot be started: it waits for ONB-2 (todo)",
  );
  app.plane.editItem(other, { state: "Done" });
  await app.poll();
  await claim();
  app.plane.editItem(other, { state: "Todo" });
  await app.poll();
  expect(await ensureClaim(...(await createTaskContext("Thot")))).toMatchObject({ agent: "Thot" });
});

test("verifying a claim right before a write repeats after a suspension, so that no write starts with less than 35 s left", async () => {
  const { app, createTaskContext, claim } = await createAppWithTask();
  const heldClaim = await claim();
  const [acting, task] = await createTaskContext("Thot");
  let stops = 1;
  const stopping: typeof acting = {
    ...acting,
    deps: {
      ...acting.deps,
      store: {
        ...acting.deps.store,
        async now() {
          if (stops-- > 0) app.time.now += CLAIM_MS - MIN_WRITE_MS + 1;
          return acting.deps.store.now();
        },
      },
    },
  };
  await verifyClaim(stopping, task, heldClaim);
  expect(await findClaim(app.deps, task.id)).toMatchObject({ until: app.time.now + CLAIM_MS });
});
