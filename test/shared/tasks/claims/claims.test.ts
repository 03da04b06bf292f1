import { expect, test } from "vitest";
import { findClaim } from "../../../../shared/records/claim-record.ts";
import { workKeys } from "../../../../shared/records/store-keys.ts";
import { endClaim, renewOwnClaim } from "../../../../shared/tasks/claim-lease.ts";
import { ensureClaim } from "../../../../shared/tasks/claims.ts";
import { DAY, MINUTE } from "../../../../shared/time.ts";
import { createAgentTestApp } from "../../../support/agent-test-app.ts";
import { CLAIM_MS, createAppWithTask } from "./claims-app.ts";

const toIsoTime = (at: number) => new Date(at).toISOString().replace(".000Z", "Z");

test("claiming a task gives it to its agent for 15 minutes", async () => {
  const { app, item, claim } = await createAppWithTask();
  const { since, until } = await claim();
  expect(until - since).toBe(15 * MINUTE);
  expect(await findClaim(app.deps, item.id)).toMatchObject({ agent: "Thot", since, until });
});

test("claiming a task is refused to an agent that does not own it, naming the owner", async () => {
  const { claim } = await createAppWithTask();
  await expect(claim("Imhotep")).rejects.toMatchObject({
    code: "forbidden",
    message: expect.stringContaining("ONB-1 belongs to Thot; only its own agent may do this, not Imhotep"),
  });
});

test("claiming a task is refused while another of its agents holds it, with who, since when and until when", async () => {
  const { app, claim } = await createAppWithTask(["Thot", "Imhotep"]);
  const heldClaim = await claim();
  app.advance(MINUTE);
  await expect(claim("Imhotep")).rejects.toMatchObject({
    code: "conflict",
    message: `ONB-1 is held by Thot since ${toIsoTime(heldClaim.since)}, until ${toIsoTime(heldClaim.until)} unless renewed. Take another task; do not retry.`,
  });
});

test("claiming a task again by its holder renews the same claim for 15 minutes", async () => {
  const { app, claim } = await createAppWithTask();
  const first = await claim();
  app.advance(10 * MINUTE);
  const second = await claim();
  expect(second).toMatchObject({ fence: first.fence, since: first.since, until: app.time.now + CLAIM_MS });
});

test.each([undefined, 2 * MINUTE])(
  "claiming a task again after the clock was set back renews the claim for 15 minutes from now (renewed %j ms ago)",
  async (renewedBefore) => {
    const { app, item, claim } = await createAppWithTask(["Thot", "Imhotep"]);
    await claim();
    if (renewedBefore !== undefined) {
      app.advance(renewedBefore);
      await claim();
    }
    app.time.now -= DAY;
    const renewedAt = await claim();
    expect(renewedAt).toMatchObject({ until: app.time.now + CLAIM_MS });
    expect(await findClaim(app.deps, item.id)).toMatchObject({ fence: renewedAt.fence, until: renewedAt.until });
    await expect(claim("Imhotep")).rejects.toThrow(`until ${toIsoTime(renewedAt.until)}`);
    app.advance(CLAIM_MS);
    expect(await claim("Imhotep")).toMatchObject({ agent: "Imhotep" });
  },
);

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

test("a call that needs the claim takes the claim of a free task and renews it every time", async () => {
  const { app, createTaskContext } = await createAppWithTask();
  const first = await ensureClaim(...(await createTaskContext("Thot")));
  for (let i = 0; i < 4; i++) {
    app.advance(14 * MINUTE);
    const heldClaim = await ensureClaim(...(await createTaskContext("Thot")));
    expect(heldClaim).toMatchObject({ fence: first.fence, since: first.since });
  }
});

test("a call that needs the claim is refused once after the claim expired; then the task can be claimed under a higher fencing number", async () => {
  const { app, createTaskContext } = await createAppWithTask();
  const first = await ensureClaim(...(await createTaskContext("Thot")));
  app.advance(CLAIM_MS);
  await expect(ensureClaim(...(await createTaskContext("Thot")))).rejects.toMatchObject({
    code: "conflict",
    message: expect.stringMatching(
      `^You lost ONB-1, which you held from ${toIsoTime(first.since)} to ${toIsoTime(first.until)}: the claim expired`,
    ),
  });
  // The task is free once Groundcrew has handled the end of the claim.
  await app.drain();
  const second = await ensureClaim(...(await createTaskContext("Thot")));
  expect(second.fence).toBeGreaterThan(first.fence);
});

test("a call that needs the claim needs no refusal first when the agent claims the task explicitly after the loss", async () => {
  const { app, createTaskContext, claim } = await createAppWithTask();
  await claim();
  app.advance(CLAIM_MS);
  await claim();
  await expect(ensureClaim(...(await createTaskContext("Thot")))).resolves.toMatchObject({ agent: "Thot" });
});

test("a call that needs the claim continues a claim that expired while Groundcrew itself was down", async () => {
  const { app, createTaskContext } = await createAppWithTask();
  const first = await ensureClaim(...(await createTaskContext("Thot")));
  await app.store.commit({ put: [{ key: workKeys.lastClaimsTick, value: { at: app.time.now, restored: [] } }] });
  app.advance(60 * MINUTE);
  const second = await ensureClaim(...(await createTaskContext("Thot")));
  expect(second).toMatchObject({ since: first.since, fence: first.fence, until: app.time.now + CLAIM_MS });
});

test("a call that needs the claim differs from other calls, which renew a claim and never take one", async () => {
  const { app, item, createTaskContext, claim } = await createAppWithTask();
  await renewOwnClaim(...(await createTaskContext("Thot")));
  expect(await findClaim(app.deps, item.id)).toBeUndefined();
  await claim();
  app.advance(10 * MINUTE);
  await renewOwnClaim(...(await createTaskContext("Thot")));
  expect(await findClaim(app.deps, item.id)).toMatchObject({ until: app.time.now + CLAIM_MS });
  app.advance(CLAIM_MS);
  await renewOwnClaim(...(await createTaskContext("Thot")));
  expect(await findClaim(app.deps, item.id)).toMatchObject({ until: app.time.now });
});

test("the end of a claim frees a returned task at once, and its fencing number is never used again", async () => {
  const { app, item, claim } = await createAppWithTask(["Thot", "Imhotep"]);
  const first = await claim("Thot");
  expect(await endClaim(app.deps, first, undefined, "test")).toBe(true);
  expect(await findClaim(app.deps, item.id)).toBeUndefined();
  const second = await claim("Imhotep");
  expect(second.fence).toBeGreaterThan(first.fence);
  expect(await endClaim(app.deps, first, undefined, "test")).toBe(false);
  expect(await findClaim(app.deps, item.id)).toMatchObject({ agent: "Imhotep" });
});
