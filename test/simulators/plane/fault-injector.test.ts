import { expect, test } from "vitest";
import type { PlaneFault } from "../../../simulators/plane/test-controls.ts";
import { createPlaneFixture, createWebhookReceiver } from "./plane-fixture.ts";

const cases: [PlaneFault, (call: () => Promise<Response>) => Promise<unknown>, unknown][] = [
  [{ kind: "status", status: 500 }, async (call) => (await call()).status, 500],
  [{ kind: "rate limited", retryAfter: 7 }, async (call) => (await call()).headers.get("retry-after"), "7"],
  [{ kind: "html" }, async (call) => (await call()).headers.get("content-type"), "text/html"],
  [{ kind: "truncated" }, async (call) => (await call()).json().catch(() => "no JSON"), "no JSON"],
  [{ kind: "drop" }, (call) => call().catch(() => "broken"), "broken"],
  [{ kind: "half-open" }, (call) => call().catch((error) => error.name), "TimeoutError"],
  [{ kind: "slow", wait: 60_000 }, (call) => call().catch((error) => error.name), "TimeoutError"],
];

test.each(cases)("a request meets the fault %o once, the next one is well", async (fault, see, expected) => {
  const { plane, api, key } = await createPlaneFixture();
  plane.faults.add({ method: "GET", path: /projects\/$/ }, fault, 1);
  const call = () =>
    fetch(`${plane.url}/api/v1/workspaces/javisi/projects/`, {
      headers: { "x-api-key": key },
      signal: AbortSignal.timeout(60),
    });
  expect((await api("GET", "/api/v1/users/me/")).status).toBe(200);
  expect(await see(call)).toEqual(expected);
  expect((await api("GET", "/projects/")).status).toBe(200);
  const silent = fault.kind === "drop" || fault.kind === "half-open";
  if (fault.kind !== "slow") expect(plane.ledger.requests[1]?.status === 0).toBe(silent);
});

test("a write whose connection breaks afterwards was done", async () => {
  const { plane, project, api, root } = await createPlaneFixture();
  plane.faults.add({ method: "POST" }, { kind: "drop after" }, 1);
  await expect(api("POST", `${root}/work-items/`, { name: "x" })).rejects.toThrow();
  expect(plane.items(project).map((item) => item.name)).toEqual(["x"]);
});

test("a fault can be meant for one key and be taken back", async () => {
  const { plane, imhotep, api, imhotepKey } = await createPlaneFixture();
  const undo = plane.faults.add({ owner: imhotep }, { kind: "status", status: 503 });
  const me = async (key?: string) => (await api("GET", "/api/v1/users/me/", undefined, key)).status;
  expect([await me(), await me(imhotepKey)]).toEqual([200, 503]);
  undo();
  expect(await me(imhotepKey)).toBe(200);
});

test("something can happen just before a request is handled", async () => {
  const { plane, project, api, root } = await createPlaneFixture();
  plane.faults.beforeRequest(() => {
    plane.faults.beforeRequest(undefined);
    plane.addItem(project, { name: "just in time" });
  });
  expect((await api("GET", `${root}/work-items/`)).body.total_count).toBe(1);
});

test("down, nobody answers; up, it is where it was with all it had", async () => {
  const { plane, project, api, root } = await createPlaneFixture();
  const { url } = plane;
  plane.addItem(project, { name: "x" });
  await plane.takeDown();
  await expect(api("GET", `${root}/work-items/`)).rejects.toThrow();
  await plane.bringUp();
  expect(plane.url).toBe(url);
  expect((await api("GET", `${root}/work-items/`)).body.total_count).toBe(1);
});

test("by itself, worker and deliveries run a moment after a change", async () => {
  const { plane, project } = await createPlaneFixture({ autoDeliver: true, clock: Date.now });
  const receiver = await createWebhookReceiver();
  plane.addWebhook(receiver.url);
  const item = plane.addItem(project, { name: "x" });
  await until(() => receiver.received.length === 1);
  plane.editItem(item, { name: "y", priority: "high" });
  await until(() => receiver.received.length === 3);
  expect(plane.deliveries.pending).toEqual([]);
});

/** Waits for what real sockets and timers bring about. */
async function until(isSo: () => boolean): Promise<void> {
  for (const end = Date.now() + 5000; !isSo(); ) {
    if (Date.now() > end) throw new Error("it did not come about in 5 s");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
