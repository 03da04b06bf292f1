import { createServer } from "node:net";
import { expect, test } from "vitest";
import { createBench, createReceiver } from "./bench.ts";

test("an answer 500 counts as delivered: the event is never sent again", async () => {
  const { plane, project } = await createBench();
  const receiver = await createReceiver(500);
  plane.addWebhook(receiver.url);
  plane.addItem(project, { name: "x" });
  const [attempt] = await plane.deliver();
  expect(attempt).toMatchObject({ outcome: "answered", status: 500 });
  expect(plane.deliveries.pending).toEqual([]);
  expect(receiver.got).toHaveLength(1);
});

test("a broken connection is tried again five times within 600 s each, with a fresh delivery id and the same body; then the webhook is off", async () => {
  const { plane, project, pass } = await createBench();
  const receiver = await createReceiver(0);
  const webhook = plane.addWebhook(receiver.url);
  plane.addItem(project, { name: "x" });
  await plane.deliver();
  const waits: number[] = [];
  for (let retry = 1; retry <= 5; retry += 1) {
    expect(plane.webhookActive(webhook)).toBe(true);
    const [pending] = plane.deliveries.pending;
    const before = plane.ledger.deliveries.at(-1)?.at ?? 0;
    waits.push((pending?.due ?? 0) - before);
    expect(await plane.deliveries.all()).toEqual([]);
    pass(600_000);
    await plane.deliver();
  }
  expect(receiver.got).toHaveLength(6);
  expect(new Set(receiver.got.map((each) => each.headers["x-plane-delivery"])).size).toBe(6);
  expect(new Set(receiver.got.map((each) => each.body)).size).toBe(1);
  expect(waits.every((wait) => wait >= 0 && wait <= 600_000)).toBe(true);
  expect(new Set(waits).size).toBeGreaterThan(1);
  expect(plane.webhookActive(webhook)).toBe(false);
  expect(plane.deliveries.pending).toEqual([]);
  plane.addItem(project, { name: "y" });
  plane.settle();
  expect(plane.deliveries.pending).toEqual([]);
});

test("no answer in time is no answer", async () => {
  const { plane, project } = await createBench({ deliveryTimeout: 40 });
  const receiver = await createReceiver();
  const silent = await createSilent();
  plane.addWebhook(silent.url);
  plane.addWebhook(receiver.url);
  plane.addItem(project, { name: "x" });
  plane.settle();
  const attempts = await plane.deliveries.all();
  expect(attempts.map((each) => each.outcome)).toEqual(["no answer", "answered"]);
  silent.close();
});

test("a test can drop, double, delay and reorder deliveries, and sees each attempt in the ledger", async () => {
  const { plane, project, pass } = await createBench();
  const receiver = await createReceiver();
  plane.addWebhook(receiver.url);
  for (const name of ["a", "b", "c", "d"]) plane.addItem(project, { name });
  plane.settle();
  const ids = plane.deliveries.pending.map((each) => each.id);
  const [a = "", b = "", c = "", d = ""] = ids;
  plane.deliveries.drop(a);
  plane.deliveries.duplicate(b);
  plane.deliveries.delay(c, 5000);
  plane.deliveries.reorder([d]);
  await plane.deliveries.all();
  const names = () => receiver.got.map((each) => JSON.parse(each.body).data.name);
  expect(names()).toEqual(["d", "b", "b"]);
  expect(receiver.got[1]?.body).toBe(receiver.got[2]?.body);
  expect(receiver.got[1]?.headers["x-plane-delivery"]).not.toBe(receiver.got[2]?.headers["x-plane-delivery"]);
  pass(5000);
  await plane.deliveries.next();
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
