import fc from "fast-check";
import { expect, test } from "vitest";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import { createPlaneClient } from "../../../shared/plane/client.ts";
import { PlaneRateLimitedError } from "../../../shared/plane/errors.ts";
import { usersApi } from "../../../shared/plane/projects.ts";
import { createQuota } from "../../../shared/plane/quota.ts";
import { captureError, createScriptedClient, getErrorOrData, PLANE_USER } from "./plane-client-harness.ts";

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

test("spare calls use an idle quota evenly: a sixth of it in any 10 s, and they do not wait", async () => {
  const { client, server, waits, advance } = await createScriptedClient([{ status: 200, body: PLANE_USER }], {
    rateLimit: 60,
  });
  const spendAll = async () => {
    for (let spent = 0; ; spent += 1) {
      const outcome = await getErrorOrData(client.call(usersApi.me, { priority: "spare" }));
      if (outcome instanceof PlaneRateLimitedError) return { spent, retryAfter: outcome.retryAfter };
    }
  };
  for (let nth = 0; nth < 5; nth += 1) {
    expect(await spendAll()).toEqual({ spent: 10, retryAfter: 10_000 });
    advance(10_000);
  }
  expect(await spendAll()).toEqual({ spent: 7, retryAfter: 11_000 });
  expect(waits).toEqual([]);
  expect(server.requests).toHaveLength(57);
});

test("spare calls leave what becomes free to a background call that waits for it", async () => {
  const { client, clientOptions, advance, server } = await createScriptedClient([{ status: 200, body: PLANE_USER }], {
    rateLimit: 10,
  });
  for (let nth = 0; nth < 9; nth += 1) await client.call(usersApi.me);
  const stolen: unknown[] = [];
  const wait = async (ms: number) => {
    advance(ms);
    // At this very moment a spare call of another process asks for the same request.
    stolen.push(await getErrorOrData(client.call(usersApi.me, { priority: "spare" })));
  };
  await createPlaneClient({ ...clientOptions, wait }).call(usersApi.me);
  expect(stolen).toEqual([expect.objectContaining({ code: "rate_limited" })]);
  expect(server.requests).toHaveLength(10);
});
