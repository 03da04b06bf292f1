import { describe, expect, test } from "vitest";
import { canaryTick } from "../../../functions/canary/canary-tick.ts";
import { readCanary } from "../../../shared/canary/canary-record.ts";
import { observedSets } from "../../../shared/observe/store-keys.ts";
import { createCanaryTestApp } from "./canary-test-app.ts";

describe.each(["1.3.1", "1.2.2"] as const)("The canary on Plane %s", (version) => {
  test("receives its webhook and stores the time it took", async () => {
    const { crew, tickWithWebhook } = await createCanaryTestApp({ version });
    const counts = await tickWithWebhook();
    expect(counts).toMatchObject({ sent: 1, ms: expect.any(Number) });
    const kept = await readCanary(crew.store);
    expect(kept?.back?.nonce).toBe(kept?.sent?.nonce);
    expect(kept?.silentSince).toBeUndefined();
    expect(crew.logged).toContainEqual(expect.objectContaining({ message: "canary webhook received" }));
  });

  test("causes no event, no open work and no read, however it is observed", async () => {
    const { crew, onb, tickWithWebhook, findCanaryItem } = await createCanaryTestApp({ version });
    await tickWithWebhook();
    crew.advance(3_600_000);
    await crew.poll();
    await tickWithWebhook();
    crew.advance(700_000);
    const requests = await crew.recordRequests(() => crew.poll());
    await crew.runUntilIdle();
    expect(crew.takeEvents()).toEqual([]);
    expect(requests.filter((one) => one.includes(":id"))).toEqual([]);
    const [items, open, quiet] = await Promise.all(
      [observedSets.items(onb.id), observedSets.open(onb.id), observedSets.quiet(onb.id)].map((set) =>
        crew.store.count(set),
      ),
    );
    expect([items, open, quiet]).toEqual([1, 1, 1]);
    expect(findCanaryItem()?.name).toContain("please do not delete");
  });

  test("starts no comparison of ids, because Plane's count includes it as the store does", async () => {
    const { crew, tickWithWebhook } = await createCanaryTestApp({ version });
    await tickWithWebhook();
    await crew.poll();
    await crew.runUntilIdle();
    crew.advance(700_000);
    await crew.poll();
    crew.advance(700_000);
    expect(await crew.recordRequests(() => crew.poll())).toEqual(["GET projects", "GET work-items"]);
  });
});

test("The canary costs one request when it exists", async () => {
  const { crew, tickWithWebhook } = await createCanaryTestApp({ project: "ONB" });
  await tickWithWebhook();
  crew.advance(3_600_000);
  const requests = await crew.recordRequests(() => tickWithWebhook());
  expect(requests.filter((one) => !one.startsWith("GET projects"))).toEqual(["PATCH work-items/:id/comments/:id"]);
});

test("The canary reports a missing webhook once in Telegram and hourly in the log, and reports when webhooks arrive again", async () => {
  const { crew, tickWithWebhook, tickWithoutWebhook, alerts } = await createCanaryTestApp();
  await tickWithWebhook();
  expect(alerts).toEqual([]);
  expect(await tickWithoutWebhook()).toEqual({ sent: 1, silent: 1 });
  crew.advance(3_600_000);
  expect(await tickWithoutWebhook()).toEqual({ sent: 1, silent: 1 });
  expect(alerts).toHaveLength(1);
  expect(alerts[0]).toMatchObject({ lane: "telegram:42", text: expect.stringContaining("No webhooks from Plane") });
  expect(
    crew.logged.filter(
      ({ level, message }) => level === "error" && String(message).startsWith("no webhook from Plane"),
    ),
  ).toHaveLength(2);
  crew.advance(3_600_000);
  await tickWithWebhook();
  expect(alerts).toHaveLength(2);
  expect(alerts[1]).toMatchObject({ lane: "telegram:42", text: expect.stringContaining("work again") });
  expect((await readCanary(crew.store))?.silentSince).toBeUndefined();
});

test("The canary ends the silence with a late webhook, but not with one of an earlier edit", async () => {
  const { crew } = await createCanaryTestApp();
  await canaryTick.run(crew.deps);
  crew.plane.runWorker();
  const early = crew.plane.deliveries.pending.map(({ body }) => body);
  crew.plane.deliveries.dropAll();
  crew.advance(3_600_000);
  await canaryTick.run(crew.deps);
  for (const body of early) await crew.enqueueWebhook(body);
  await crew.drain();
  expect((await readCanary(crew.store))?.silentSince).toBeDefined();
  await crew.deliverWebhooks();
  expect((await readCanary(crew.store))?.back?.took).toBeGreaterThanOrEqual(60_000);
  expect((await readCanary(crew.store))?.silentSince).toBeUndefined();
});

test("The canary is created again after people deleted it, without notifications", async () => {
  const { crew, tickWithWebhook, findCanaryItem } = await createCanaryTestApp();
  await tickWithWebhook();
  const first = findCanaryItem();
  if (!first) throw new Error("there is no canary");
  crew.plane.deleteItem(first);
  await crew.poll();
  await crew.runUntilIdle();
  await crew.poll();
  crew.advance(700_000);
  await crew.poll();
  expect(await crew.recordRequests(() => crew.poll())).toEqual(["GET projects", "GET work-items"]);
  expect(await tickWithWebhook()).toMatchObject({ sent: 1, ms: expect.any(Number) });
  expect(findCanaryItem()?.id).not.toBe(first.id);
  await crew.runUntilIdle();
  expect(crew.takeEvents()).toEqual([]);
});

test("The canary is recognised after the store was lost, without notifications", async () => {
  const { crew, tickWithWebhook, findCanaryItem } = await createCanaryTestApp();
  await tickWithWebhook();
  const before = findCanaryItem()?.id;
  await crew.restart({ store: "lost" });
  await crew.runFirstPoll();
  await tickWithWebhook();
  expect(findCanaryItem()?.id).toBe(before);
  await crew.runUntilIdle();
  expect(crew.takeEvents()).toEqual([]);
});

test("The canary causes no notifications of what people write beside it", async () => {
  const { crew, tickWithWebhook, findCanaryItem } = await createCanaryTestApp();
  await tickWithWebhook();
  const there = findCanaryItem();
  if (!there) throw new Error("there is no canary");
  crew.plane.addComment(there, "<p>What is this?</p>");
  crew.plane.editItem(there, { name: "Renamed", state: "In Progress" });
  await crew.deliverWebhooks();
  await crew.poll();
  await crew.runUntilIdle();
  expect(crew.takeEvents()).toEqual([]);
});

test.each([
  ["is not created in others' projects", {}],
  ["is not created with canary: false", { canary: false }],
] as const)("The canary: %s", async (_, config) => {
  const { crew, findCanaryItem } = await createCanaryTestApp({ config });
  expect(await canaryTick.run(crew.deps)).toEqual({});
  expect(findCanaryItem()).toBeUndefined();
});
