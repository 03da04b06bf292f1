import { describe, expect, test } from "vitest";
import { canaryTick } from "../../../functions/canary.ts";
import { describeAddress, readCanary } from "../../../shared/monitoring/canary.ts";
import { observedSets } from "../../../shared/records/store-keys.ts";
import { createCanaryTestApp } from "./canary-test-app.ts";

describe.each(["1.3.1", "1.2.2"] as const)("The canary on Plane %s", (version) => {
  test("receives its webhook for one request, and causes no event, no open work and no read", async () => {
    const { app, onb, tickWithWebhook, findCanaryItem } = await createCanaryTestApp({ version });
    expect(await tickWithWebhook()).toMatchObject({ sent: 1, ms: expect.any(Number) });
    const stored = await readCanary(app.store);
    expect(stored?.lastArrival).toMatchObject({
      nonce: stored?.lastEdit?.nonce,
      address: describeAddress(app.settings),
    });
    app.advance(3_600_000);
    await app.poll();
    const costs = await app.recordRequests(() => tickWithWebhook());
    expect(costs.filter((one) => !one.startsWith("GET projects"))).toEqual(["PATCH work-items/:id/comments/:id"]);
    app.advance(700_000);
    const requests = await app.recordRequests(() => app.poll());
    await app.runUntilIdle();
    expect(app.takeEvents()).toEqual([]);
    expect(requests.filter((one) => one.includes(":id"))).toEqual([]);
    const [items, open, quiet] = await Promise.all(
      [observedSets.items(onb.id), observedSets.open(onb.id), observedSets.quiet(onb.id)].map((set) =>
        app.store.count(set),
      ),
    );
    expect([items, open, quiet]).toEqual([1, 1, 1]);
    expect(findCanaryItem()?.name).toContain("please do not delete");
  });
});

test("The canary reports a missing webhook once in Telegram and hourly in the log, and reports when webhooks arrive again", async () => {
  const { app, tickWithWebhook, tickWithoutWebhook, listNotices } = await createCanaryTestApp();
  await tickWithWebhook();
  expect(listNotices()).toEqual([]);
  expect(await tickWithoutWebhook()).toEqual({ sent: 1, silent: 1 });
  app.advance(3_600_000);
  expect(await tickWithoutWebhook()).toEqual({ sent: 1, silent: 1 });
  expect(listNotices()).toEqual([expect.stringContaining("notice began: No webhooks have arrived from Plane since")]);
  expect(
    app.logged.filter(({ level, message }) => level === "error" && String(message).startsWith("no webhook from Plane")),
  ).toHaveLength(2);
  app.advance(3_600_000);
  await tickWithWebhook();
  expect(listNotices()).toHaveLength(2);
  expect(listNotices()[1]).toMatch(/^notice ended/);
  expect((await readCanary(app.store))?.silentSince).toBeUndefined();
});

test("The canary ends the silence with a late webhook, but not with one of an earlier edit", async () => {
  const { app } = await createCanaryTestApp();
  await canaryTick.run(app.deps);
  app.plane.runWorker();
  const early = app.plane.deliveries.pending.map(({ body }) => body);
  app.plane.deliveries.dropAll();
  app.advance(3_600_000);
  await canaryTick.run(app.deps);
  for (const body of early) await app.enqueueWebhook(body);
  await app.drain();
  expect((await readCanary(app.store))?.silentSince).toBeDefined();
  await app.deliverWebhooks();
  expect((await readCanary(app.store))?.lastArrival?.durationMs).toBeGreaterThanOrEqual(60_000);
  expect((await readCanary(app.store))?.silentSince).toBeUndefined();
});

test("The canary is created again after people deleted it, without notifications", async () => {
  const { app, tickWithWebhook, findCanaryItem } = await createCanaryTestApp();
  await tickWithWebhook();
  const first = findCanaryItem();
  if (!first) throw new Error("there is no canary");
  app.plane.deleteItem(first);
  await app.poll();
  await app.runUntilIdle();
  await app.poll();
  app.advance(700_000);
  await app.poll();
  expect(await app.recordRequests(() => app.poll())).toEqual(["GET projects", "GET work-items"]);
  expect(await tickWithWebhook()).toMatchObject({ sent: 1, ms: expect.any(Number) });
  expect(findCanaryItem()?.id).not.toBe(first.id);
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual([]);
});

test("The canary's item causes no notifications, not even for people's comments on it", async () => {
  const { app, tickWithWebhook, findCanaryItem } = await createCanaryTestApp();
  await tickWithWebhook();
  const there = findCanaryItem();
  if (!there) throw new Error("there is no canary");
  app.plane.addComment(there, "<p>What is this?</p>");
  app.plane.editItem(there, { name: "Renamed", state: "In Progress" });
  await app.deliverWebhooks();
  await app.poll();
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual([]);
});

test.each([
  ["is not created in others' projects", {}],
  ["is not created with canary: false", { canary: false }],
] as const)("The canary: %s", async (_, config) => {
  const { app, findCanaryItem } = await createCanaryTestApp({ config });
  expect(await canaryTick.run(app.deps)).toEqual({});
  expect(findCanaryItem()).toBeUndefined();
});
