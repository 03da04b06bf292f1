import { createServer } from "node:net";
import { expect, test } from "vitest";
import { createPlaneFixture, createWebhookReceiver } from "./plane-fixture.ts";

test("a webhook answered with 500 counts as delivered and is never sent again", async () => {
  const { plane, project } = await createPlaneFixture();
  const receiver = await createWebhookReceiver(500);
  plane.addWebhook(receiver.url);
  plane.addItem(project, { name: "x" });
  const [attempt] = await plane.deliverAll();
  expect(attempt).toMatchObject({ outcome: "answered", status: 500 });
  expect(plane.deliveries.pending).toEqual([]);
  expect(receiver.received).toHaveLength(1);
});

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

test("a webhook without an answer within the timeout counts as not answered", async () => {
  const { plane, project } = await createPlaneFixture({ deliveryTimeout: 1_000 });
  const receiver = await createWebhookReceiver();
  const silentServer = await createSilentServer();
  plane.addWebhook(silentServer.url);
  plane.addWebhook(receiver.url);
  plane.addItem(project, { name: "x" });
  plane.runWorker();
  const attempts = await plane.deliveries.sendAll();
  expect(attempts.map((each) => each.outcome)).toEqual(["no answer", "answered"]);
  silentServer.close();
});

test("a test can drop, duplicate, delay and reorder webhook deliveries, and the ledger shows each attempt", async () => {
  const { plane, project, advanceClock } = await createPlaneFixture();
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
  advanceClock(5000);
  await plane.deliveries.sendNext();
  expect(names()).toEqual(["d", "b", "b", "c"]);
  expect(plane.ledger.deliveries.map((each) => each.outcome)).toEqual([
    "dropped by the test",
    ...Array(4).fill("answered"),
  ]);
});

/** A server that accepts connections and never answers. */
async function createSilentServer() {
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
