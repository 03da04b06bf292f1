import { createServer } from "node:net";
import { expect, test } from "vitest";
import { createPlaneFixture, createWebhookReceiver } from "./plane-fixture.ts";

test("an answer 500 counts as delivered: the event is never sent again", async () => {
  const { plane, project } = await createPlaneFixture();
  const receiver = await createWebhookReceiver(500);
  plane.addWebhook(receiver.url);
  plane.addItem(project, { name: "x" });
  const [attempt] = await plane.deliverAll();
  expect(attempt).toMatchObject({ outcome: "answered", status: 500 });
  expect(plane.deliveries.pending).toEqual([]);
  expect(receiver.received).toHaveLength(1);
});

test("a broken connection is tried again five times within 600 s each, with a fresh delivery id and the same body; then the webhook is off", async () => {
  const { plane, project, advanceClock: pass } = await createPlaneFixture();
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
    pass(600_000);
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

test("no answer in time is no answer", async () => {
  const { plane, project } = await createPlaneFixture({ deliveryTimeout: 40 });
  const receiver = await createWebhookReceiver();
  const silent = await createSilent();
  plane.addWebhook(silent.url);
  plane.addWebhook(receiver.url);
  plane.addItem(project, { name: "x" });
  plane.runWorker();
  const attempts = await plane.deliveries.sendAll();
  expect(attempts.map((each) => each.outcome)).toEqual(["no answer", "answered"]);
  silent.close();
});

test("a test can drop, double, delay and reorder deliveries, and sees each attempt in the ledger", async () => {
  const { plane, project, advanceClock: pass } = await createPlaneFixture();
  const receiver = await createWebhookReceiver();
  plane.addWebhook(receiver.url);
  for (const name of ["a", "b", "c", "d"]) plane.addItem(project, { name });
  plane.runWorker();
  const ids = plane.deliveries.pending.map((each) => each.id);
  const [a = "", b = "", c = "", d = ""] = ids;
  plane.deliveries.drop(a);
  plane.deliveries.duplicate(b);
  plane.deliveries.delay(c, 5000);
  plane.deliveries.reorder([d]);
  await plane.deliveries.sendAll();
  const names = () => receiver.received.map((each) => JSON.parse(each.body).data.name);
  expect(names()).toEqual(["d", "b", "b"]);
  expect(receiver.received[1]?.body).toBe(receiver.received[2]?.body);
  expect(receiver.received[1]?.headers["x-plane-delivery"]).not.toBe(receiver.received[2]?.headers["x-plane-delivery"]);
  pass(5000);
  await plane.deliveries.sendNext();
  expect(names()).toEqual(["d", "b", "b", "c"]);
  expect(plane.ledger.deliveries.map((each) => each.outcome)).toEqual([
    "dropped by the test",
    ...Array(4).fill("answered"),
  ]);
});

async function createSilent() {
  const sockets = new Set<{ destroy(): void }>();
  const server = createServer((socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}/`,
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
