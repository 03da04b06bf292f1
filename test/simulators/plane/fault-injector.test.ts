import { expect, test } from "vitest";
import type { PlaneFault } from "../../../simulators/plane/test-controls.ts";
import { createPlaneFixture, createWebhookReceiver } from "./plane-fixture.ts";

const cases: [PlaneFault, (call: () => Promise<Response>) => Promise<unknown>, unknown][] = [
  [{ kind: "status", status: 500 }, async (call) => (await call()).status, 500],
  [{ kind: "rate limited", retryAfter: 7 }, async (call) => (await call()).headers.get("retry-after"), "7"],
  [{ kind: "html" }, async (call) => (await call()).headers.get("content-type"), "text/html"],
  [{ kind: "truncated" }, async (call) => (await call()).json().catch(() => "no JSON"), "no JSON"],
  [{ kind: "drop" }, (call) => call().catch(() => "broken"), "broken"],
  [{ kind: "half-open" }, (call) => call().catch((error) => error.name), "AbortError"],
  [{ kind: "slow", wait: 60_000 }, (call) => call().catch((error) => error.name), "AbortError"],
];

test.each(cases)("the fault %o affects one request, and the next one succeeds", async (fault, observe, expected) => {
  const { plane, api, key } = await createPlaneFixture();
  plane.faults.add({ method: "GET", path: /projects\/$/ }, fault, 1);
  const giveUp = new AbortController();
  const call = () =>
    fetch(`${plane.url}/api/v1/workspaces/javisi/projects/`, {
      headers: { "x-api-key": key },
      signal: giveUp.signal,
    });
  expect((await api("GET", "/api/v1/users/me/")).status).toBe(200);
  // The client gives up on an answer that does not come, once its request has arrived.
  if (fault.kind === "half-open" || fault.kind === "slow")
    plane.faults.beforeRequest(() => {
      plane.faults.beforeRequest(undefined);
      giveUp.abort();
    });
  expect(await observe(call)).toEqual(expected);
  expect((await api("GET", "/projects/")).status).toBe(200);
  const isUnanswered = fault.kind === "drop" || fault.kind === "half-open";
  if (fault.kind !== "slow") expect(plane.ledger.requests[1]?.status === 0).toBe(isUnanswered);
});

test("a write whose connection breaks afterwards takes effect", async () => {
  const { plane, project, api, root } = await createPlaneFixture();
  plane.faults.add({ method: "POST" }, { kind: "drop after" }, 1);
  await expect(api("POST", `${root}/work-items/`, { name: "x" })).rejects.toThrow();
  expect(plane.items(project).map((item) => item.name)).toEqual(["x"]);
});

test("a fault can apply to one user's keys only and can be removed", async () => {
  const { plane, imhotep, api, imhotepKey } = await createPlaneFixture();
  const removeFault = plane.faults.add({ owner: imhotep }, { kind: "status", status: 503 });
  const getStatus = async (key?: string) => (await api("GET", "/api/v1/users/me/", undefined, key)).status;
  expect([await getStatus(), await getStatus(imhotepKey)]).toEqual([200, 503]);
  removeFault();
  expect(await getStatus(imhotepKey)).toBe(200);
});

test("the hook beforeRequest can change data just before a request is handled", async () => {
  const { plane, project, api, root } = await createPlaneFixture();
  plane.faults.beforeRequest(() => {
    plane.faults.beforeRequest(undefined);
    plane.addItem(project, { name: "just in time" });
  });
  expect((await api("GET", `${root}/work-items/`)).body.total_count).toBe(1);
});

test("the simulated Plane refuses connections while it is down, and is back with its address and data afterwards", async () => {
  const { plane, project, api, root } = await createPlaneFixture();
  const { url } = plane;
  plane.addItem(project, { name: "x" });
  await plane.takeDown();
  await expect(api("GET", `${root}/work-items/`)).rejects.toThrow();
  await plane.bringUp();
  expect(plane.url).toBe(url);
  expect((await api("GET", `${root}/work-items/`)).body.total_count).toBe(1);
});

test("with autoDeliver, the worker and the webhook deliveries run shortly after a change", async () => {
  const { plane, project } = await createPlaneFixture({ autoDeliver: true, clock: Date.now });
  const receiver = await createWebhookReceiver();
  plane.addWebhook(receiver.url);
  const item = plane.addItem(project, { name: "x" });
  await waitUntil(() => receiver.received.length === 1);
  plane.editItem(item, { name: "y", priority: "high" });
  await waitUntil(() => receiver.received.length === 3);
  expect(plane.deliveries.pending).toEqual([]);
});

/** Resolves when the condition holds, which depends on real sockets and timers. */
async function waitUntil(isTrue: () => boolean): Promise<void> {
  for (const end = Date.now() + 5000; !isTrue(); ) {
    if (Date.now() > end) throw new Error("The condition did not hold within 5 s.");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
