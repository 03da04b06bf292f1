import { expect, test } from "vitest";
import { createPlaneFixture, createWebhookReceiver } from "./plane-fixture.ts";

test("a webhook whose connection breaks is retried five times within 600 s each, with a new delivery id and the same body; then it is deactivated", async () => {
  const { plane, project, advanceClock } = await createPlaneFixture();
  const receiver = await createWebhookReceiver(0);
  const webhook = plane.addWebhook(receiver.url);
  plane.addItem(project, { name: "x" });
  await plane.deliverAll();
  const waits: number[] = [];
  for (let retry = 1; retry <= 5; retry += 1) {
    expect(plane.isWebhookActive(webhook)).toBe(true);
    const [pending] = plane.deliveries.pending;
    const before = plane.ledger.deliveries.at(-1)?.at ?? 0;
    waits.push((pending?.due ?? 0) - before);
    expect(await plane.deliveries.sendAll()).toEqual([]);
    advanceClock(600_000);
    await plane.deliverAll();
  }
  expect(receiver.received).toHaveLength(6);
  expect(new Set(receiver.received.map((each) => each.headers["x-plane-delivery"])).size).toBe(6);
  expect(new Set(receiver.received.map((each) => each.body)).size).toBe(1);
  expect(waits.every((wait) => wait >= 0 && wait <= 600_000)).toBe(true);
  expect(new Set(waits).size).toBeGreaterThan(1);
  expect(plane.isWebhookActive(webhook)).toBe(false);
  expect(plane.deliveries.pending).toEqual([]);
  plane.addItem(project, { name: "y" });
  plane.runWorker();
  expect(plane.deliveries.pending).toEqual([]);
});
