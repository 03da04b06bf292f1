import fc from "fast-check";
import { expect, test } from "vitest";
import { createPlaneClient } from "../../../shared/plane/create-client.ts";
import { PlaneRateLimitedError } from "../../../shared/plane/errors.ts";
import { createQuota } from "../../../shared/plane/quota.ts";
import { users } from "../../../shared/plane/users-members.ts";
import { memoryStore } from "../../../shared/store/memory.ts";
import { failure, harness, ME, scripted } from "./harness.ts";

const FOR_EVER = {
  interactive: Number.POSITIVE_INFINITY,
  background: Number.POSITIVE_INFINITY,
  spare: Number.POSITIVE_INFINITY,
};

test("the quota is never exceeded in any 60 s, whatever the mix of calls, processes and pauses", async () => {
  const asked = fc.record({
    pause: fc.integer({ min: 0, max: 20_000 }),
    process: fc.nat(2),
    priority: fc.constantFrom("interactive" as const, "background" as const, "spare" as const),
  });
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 12 }), fc.array(asked, { maxLength: 60 }), async (limit, calls) => {
      let now = 1_000_000;
      const store = memoryStore({ clock: () => now });
      const wait = async (ms: number) => {
        now += ms;
      };
      const quotas = [0, 1, 2].map(() => createQuota({ store, keyName: "k", limit, wait, maxWait: FOR_EVER }));
      const sent: number[] = [];
      for (const { pause, process, priority } of calls) {
        now += pause;
        await quotas[process]?.turns("call", priority)();
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

test("two processes on one store spend one quota, also when they ask at the same time", async () => {
  const { given, server } = await scripted([{ status: 200, body: ME }], { rateLimit: 10 });
  const clients = [createPlaneClient(given), createPlaneClient(given)];
  const calls = Array.from({ length: 16 }, (_, nth) =>
    failureOrData(clients[nth % 2]?.call(users.me, { priority: "interactive" })),
  );
  const outcomes = await Promise.all(calls);
  expect(outcomes.filter((outcome) => outcome instanceof PlaneRateLimitedError)).toHaveLength(6);
  expect(server.requests).toHaveLength(10);
});

test("background calls leave a fifth of the quota to interactive ones", async () => {
  const { client, server } = await scripted([{ status: 200, body: ME }], {
    rateLimit: 60,
    maxWait: { interactive: 0, background: 0, spare: 0 },
  });
  for (let nth = 0; nth < 48; nth += 1) await client.call(users.me);
  expect(await failure(client.call(users.me))).toBeInstanceOf(PlaneRateLimitedError);
  for (let nth = 0; nth < 12; nth += 1) await client.call(users.me, { priority: "interactive" });
  expect(await failure(client.call(users.me, { priority: "interactive" }))).toBeInstanceOf(PlaneRateLimitedError);
  expect(server.requests).toHaveLength(60);
});

test("a quota of one request a minute still lets background calls through", async () => {
  const { client, waits } = await scripted([{ status: 200, body: ME }], { rateLimit: 1 });
  await client.call(users.me);
  await client.call(users.me);
  expect(waits).toEqual([61_000]);
});

test("a call that would wait too long for its turn is not sent and says how long", async () => {
  const { client, advance, lines, server } = await scripted([{ status: 200, body: ME }], { rateLimit: 2 });
  await client.call(users.me, { priority: "interactive" });
  advance(5_000);
  await client.call(users.me, { priority: "interactive" });
  const error = await failure(client.call(users.me, { priority: "interactive" }));
  expect(error).toMatchObject({ code: "rate_limited", status: undefined, retryAfter: 56_000 });
  expect(server.requests).toHaveLength(2);
  expect(lines).toEqual([]);
});

test("the waits of one call add up: its repetitions do not begin a new patience", async () => {
  const { client, waits, server } = await scripted([{ status: 500, body: { error: "x" } }], { rateLimit: 1 });
  expect(await failure(client.call(users.me))).toMatchObject({ code: "rate_limited", retryAfter: 56_000 });
  expect(waits).toEqual([1_000, 60_000, 5_000]);
  expect(server.requests).toHaveLength(2);
});

test("every repetition spends quota too", async () => {
  const { client, server } = await scripted([{ status: 500, body: { error: "x" } }], { rateLimit: 3 });
  const error = await failure(client.call(users.me, { priority: "interactive" }));
  expect(error).toBeInstanceOf(PlaneRateLimitedError);
  expect(server.requests).toHaveLength(3);
});

test("after a 429 no process asks with that key before its time", async () => {
  const refused = { status: 429, headers: { "retry-after": "30" }, body: { error_message: "RATE_LIMIT_EXCEEDED" } };
  const { given, client, waits, server } = await scripted([refused, { status: 200, body: ME }]);
  await failure(client.call(users.me, { priority: "interactive" }));
  expect(server.requests).toHaveLength(1);
  await createPlaneClient(given).call(users.me);
  expect(waits).toEqual([30_000]);
});

test("another key has a quota of its own", async () => {
  const { given, client, waits } = await scripted([{ status: 200, body: ME }], { rateLimit: 1 });
  await client.call(users.me);
  await createPlaneClient({ ...given, keyName: "other" }).call(users.me);
  expect(waits).toEqual([]);
});

test("a store that fails, fails the call: nothing is sent uncounted", async () => {
  const { server } = await scripted([{ status: 200, body: ME }]);
  const store = memoryStore({ clock: () => 0 });
  await store.close();
  const { client } = harness({ url: server.url, store });
  expect(await failure(client.call(users.me))).toMatchObject({ message: "The store is closed." });
  expect(server.requests).toEqual([]);
});

async function failureOrData(call: Promise<unknown> | undefined): Promise<unknown> {
  return call?.catch((thrown: unknown) => thrown);
}

test("details leave half of the quota to everything else, and do not wait for their turn", async () => {
  const { client, server, waits } = await scripted([{ status: 200, body: ME }], { rateLimit: 60 });
  for (let nth = 0; nth < 30; nth += 1) await client.call(users.me, { priority: "spare" });
  expect(await failure(client.call(users.me, { priority: "spare" }))).toBeInstanceOf(PlaneRateLimitedError);
  expect(waits).toEqual([]);
  for (let nth = 0; nth < 18; nth += 1) await client.call(users.me);
  expect(server.requests).toHaveLength(48);
});
