import fc from "fast-check";
import { expect, test } from "vitest";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import { createPlaneClient } from "../../../shared/plane/client.ts";
import { PlaneRateLimitedError } from "../../../shared/plane/errors.ts";
import { usersApi } from "../../../shared/plane/projects.ts";
import { createQuota } from "../../../shared/plane/quota.ts";
import {
  captureError,
  createPlaneClientHarness,
  createScriptedClient,
  getErrorOrData,
  PLANE_USER,
} from "./plane-client-harness.ts";

const NO_WAIT_LIMITS = {
  people: Number.POSITIVE_INFINITY,
  interactive: Number.POSITIVE_INFINITY,
  background: Number.POSITIVE_INFINITY,
  spare: Number.POSITIVE_INFINITY,
};

test("the quota is never exceeded in any 60 s for any mix of calls, processes and pauses", async () => {
  const asked = fc.record({
    pause: fc.integer({ min: 0, max: 20_000 }),
    process: fc.nat(2),
    priority: fc.constantFrom("interactive" as const, "background" as const, "spare" as const),
  });
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 12 }), fc.array(asked, { maxLength: 60 }), async (limit, calls) => {
      let now = 1_000_000;
      const store = createMemoryStore({ clock: () => now });
      const wait = async (ms: number) => {
        now += ms;
      };
      const quotas = [0, 1, 2].map(() => createQuota({ store, keyName: "k", limit, wait, maxWait: NO_WAIT_LIMITS }));
      const sent: number[] = [];
      for (const { pause, process, priority } of calls) {
        now += pause;
        await quotas[process]?.createTurnWaiter("call", priority)();
        sent.push(now);
      }
      for (const start of sent) {
        expect(sent.filter((at) => at >= start && at < start + 60_000).length).toBeLessThanOrEqual(limit);
      }
      expect(sent).toHaveLength(calls.length);
    }),
    { numRuns: process.env["FULL"] ? 2_000 : 200 },
  );
});

test("two processes on one store share one quota, also for simultaneous requests", async () => {
  const { clientOptions, server } = await createScriptedClient([{ status: 200, body: PLANE_USER }], { rateLimit: 10 });
  const clients = [createPlaneClient(clientOptions), createPlaneClient(clientOptions)];
  const calls = Array.from({ length: 16 }, (_, nth) =>
    getErrorOrData(clients[nth % 2]?.call(usersApi.me, { priority: "interactive" })),
  );
  const outcomes = await Promise.all(calls);
  expect(outcomes.filter((outcome) => outcome instanceof PlaneRateLimitedError)).toHaveLength(6);
  expect(server.requests).toHaveLength(10);
});

test("background calls leave a fifth of the quota to interactive ones for two minutes after one of them", async () => {
  const { client, server, advance } = await createScriptedClient([{ status: 200, body: PLANE_USER }], {
    rateLimit: 60,
    maxWait: { people: 0, interactive: 0, background: 0, spare: 0 },
  });
  await client.call(usersApi.me, { priority: "interactive" });
  for (let nth = 0; nth < 47; nth += 1) await client.call(usersApi.me);
  expect(await captureError(client.call(usersApi.me))).toBeInstanceOf(PlaneRateLimitedError);
  for (let nth = 0; nth < 12; nth += 1) await client.call(usersApi.me, { priority: "interactive" });
  expect(await captureError(client.call(usersApi.me, { priority: "interactive" }))).toBeInstanceOf(
    PlaneRateLimitedError,
  );
  expect(server.requests).toHaveLength(60);
  advance(119_000);
  for (let nth = 0; nth < 48; nth += 1) await client.call(usersApi.me);
  expect(await captureError(client.call(usersApi.me))).toMatchObject({ retryAfter: 1_000 });
});

test("background calls use all of an idle quota but a twentieth, which serves the first interactive calls", async () => {
  const { client, server } = await createScriptedClient([{ status: 200, body: PLANE_USER }], {
    rateLimit: 60,
    maxWait: { people: 0, interactive: 0, background: 0, spare: 0 },
  });
  for (let nth = 0; nth < 57; nth += 1) await client.call(usersApi.me);
  expect(await captureError(client.call(usersApi.me))).toBeInstanceOf(PlaneRateLimitedError);
  for (let nth = 0; nth < 3; nth += 1) await client.call(usersApi.me, { priority: "interactive" });
  expect(server.requests).toHaveLength(60);
});

test("after a call for a person, agents' calls leave a twentieth of the quota to people for two minutes", async () => {
  const { client, server, advance } = await createScriptedClient([{ status: 200, body: PLANE_USER }], {
    rateLimit: 60,
    maxWait: { people: 0, interactive: 0, background: 0, spare: 0 },
  });
  const call = (priority: "people" | "interactive") => client.call(usersApi.me, { priority });
  await call("people");
  for (let nth = 0; nth < 56; nth += 1) await call("interactive");
  expect(await captureError(call("interactive"))).toBeInstanceOf(PlaneRateLimitedError);
  for (let nth = 0; nth < 3; nth += 1) await call("people");
  expect(server.requests).toHaveLength(60);
  advance(122_000);
  for (let nth = 0; nth < 60; nth += 1) await call("interactive");
});

test("a quota of one request a minute still lets background calls through", async () => {
  const { client, waits } = await createScriptedClient([{ status: 200, body: PLANE_USER }], { rateLimit: 1 });
  await client.call(usersApi.me);
  await client.call(usersApi.me);
  expect(waits).toEqual([61_000]);
});

test("a call that would wait too long for the quota is not sent, and its error contains the time to wait", async () => {
  const { client, advance, lines, server } = await createScriptedClient([{ status: 200, body: PLANE_USER }], {
    rateLimit: 2,
  });
  await client.call(usersApi.me, { priority: "interactive" });
  advance(5_000);
  await client.call(usersApi.me, { priority: "interactive" });
  const error = await captureError(client.call(usersApi.me, { priority: "interactive" }));
  expect(error).toMatchObject({ code: "rate_limited", status: undefined, retryAfter: 56_000 });
  expect(server.requests).toHaveLength(2);
  expect(lines).toEqual([]);
});

test("the waits of one call add up: its retries share one limit", async () => {
  const { client, waits, server } = await createScriptedClient([{ status: 500, body: { error: "x" } }], {
    rateLimit: 1,
  });
  expect(await captureError(client.call(usersApi.me))).toMatchObject({ code: "rate_limited", retryAfter: 56_000 });
  expect(waits).toEqual([1_000, 60_000, 5_000]);
  expect(server.requests).toHaveLength(2);
});

test("every retry uses the quota", async () => {
  const { client, server } = await createScriptedClient([{ status: 500, body: { error: "x" } }], { rateLimit: 3 });
  const error = await captureError(client.call(usersApi.me, { priority: "interactive" }));
  expect(error).toBeInstanceOf(PlaneRateLimitedError);
  expect(server.requests).toHaveLength(3);
});

test("each API key has its own quota", async () => {
  const { clientOptions, client, waits } = await createScriptedClient([{ status: 200, body: PLANE_USER }], {
    rateLimit: 1,
  });
  await client.call(usersApi.me);
  await createPlaneClient({ ...clientOptions, keyName: "other" }).call(usersApi.me);
  expect(waits).toEqual([]);
});

test("a call fails when the store fails, and no uncounted request is sent", async () => {
  const { server } = await createScriptedClient([{ status: 200, body: PLANE_USER }]);
  const store = createMemoryStore({ clock: () => 0 });
  await store.close();
  const { client } = createPlaneClientHarness({ url: server.url, store });
  expect(await captureError(client.call(usersApi.me))).toMatchObject({ message: "The store is closed." });
  expect(server.requests).toEqual([]);
});
