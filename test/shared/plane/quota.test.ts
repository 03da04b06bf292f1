import fc from "fast-check";
import { expect, test } from "vitest";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import { createPlaneClient } from "../../../shared/plane/client.ts";
import type { CallPriority } from "../../../shared/plane/endpoint.ts";
import { PlaneRateLimitedError } from "../../../shared/plane/errors.ts";
import { usersApi } from "../../../shared/plane/projects.ts";
import { createQuota } from "../../../shared/plane/quota.ts";
import type { ScriptedStep } from "../../support/test-server.ts";
import { ANSWER, captureError, createScriptedClient } from "./plane-client-harness.ts";

const toWaits = (ms: number) => ({ people: ms, interactive: ms, background: ms, spare: ms });

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
      const maxWait = toWaits(Number.POSITIVE_INFINITY);
      const quotas = [0, 1, 2].map(() => createQuota({ store, keyName: "k", limit, wait, maxWait }));
      const sent: number[] = [];
      for (const { pause, process, priority } of calls) {
        now += pause;
        await quotas[process]?.createTurnWaiter("call", priority)();
        sent.push(now);
      }
      for (const start of sent)
        expect(sent.filter((at) => at >= start && at < start + 60_000).length).toBeLessThanOrEqual(limit);
      expect(sent).toHaveLength(calls.length);
    }),
    { numRuns: process.env["FULL"] ? 2_000 : 50 },
  );
});

/** A client whose calls do not wait; `spend` sends so many calls, of which the next one is refused. */
async function createHastyClient(steps: ScriptedStep[] = [ANSWER]) {
  const made = await createScriptedClient(steps, { maxWait: toWaits(0), retryDelays: [] });
  async function send(count: number, priority: CallPriority = "background") {
    for (let nth = 0; nth < count; nth += 1) await made.client.call(usersApi.me, { priority });
  }
  const captureRefusal = (priority: CallPriority = "background") =>
    captureError(made.client.call(usersApi.me, { priority }));
  async function spend(count: number, priority: CallPriority = "background") {
    await send(count, priority);
    expect(await captureRefusal(priority)).toBeInstanceOf(PlaneRateLimitedError);
  }
  return { ...made, send, spend, captureRefusal };
}

test("background calls leave a twentieth of an idle quota, and for two minutes after an interactive call a fifth", async () => {
  const idle = await createHastyClient();
  await idle.spend(57);
  await idle.spend(3, "interactive");

  const { send, spend, captureRefusal, server, advance } = await createHastyClient();
  await send(1, "interactive");
  await spend(47);
  await spend(12, "interactive");
  expect(server.requests).toHaveLength(60);
  advance(119_000);
  await send(48);
  expect(await captureRefusal()).toMatchObject({ retryAfter: 1_000 });
});

test("after a call for a person, agents' calls leave a twentieth of the quota to people for two minutes", async () => {
  const { send, spend, server, advance } = await createHastyClient();
  await send(1, "people");
  await spend(56, "interactive");
  await send(3, "people");
  expect(server.requests).toHaveLength(60);
  advance(122_000);
  await send(60, "interactive");
});

test("a call that would wait too long for the quota is not sent, and its error contains the time to wait; its retries share one limit", async () => {
  const { client, advance, lines, server } = await createScriptedClient([ANSWER], { rateLimit: 2 });
  const call = () => client.call(usersApi.me, { priority: "interactive" });
  await call();
  advance(5_000);
  await call();
  expect(await captureError(call())).toMatchObject({ code: "rate_limited", status: undefined, retryAfter: 56_000 });
  expect(server.requests).toHaveLength(2);
  expect(lines).toEqual([]);

  const failing = await createScriptedClient([{ status: 500, body: { error: "x" } }], { rateLimit: 1 });
  const error = await captureError(failing.client.call(usersApi.me));
  expect(error).toMatchObject({ code: "rate_limited", retryAfter: 56_000 });
  expect(failing.waits).toEqual([1_000, 60_000, 5_000]);
});

test("spare calls use an idle quota evenly: a sixth of it in any 10 s, and they do not wait", async () => {
  const { client, server, waits, advance } = await createScriptedClient([ANSWER]);
  const spendAll = async () => {
    for (let spent = 0; ; spent += 1) {
      const outcome = await client.call(usersApi.me, { priority: "spare" }).catch((thrown: unknown) => thrown);
      if (outcome instanceof PlaneRateLimitedError) return [spent, outcome.retryAfter];
    }
  };
  for (let nth = 0; nth < 5; nth += 1) {
    expect(await spendAll()).toEqual([10, 10_000]);
    advance(10_000);
  }
  expect(await spendAll()).toEqual([7, 11_000]);
  expect(waits).toEqual([]);
  expect(server.requests).toHaveLength(57);
});

test("spare calls leave what becomes free to a background call that waits for it", async () => {
  const { client, clientOptions, advance, server } = await createScriptedClient([ANSWER], { rateLimit: 10 });
  for (let nth = 0; nth < 9; nth += 1) await client.call(usersApi.me);
  const stolen: unknown[] = [];
  const wait = async (ms: number) => {
    advance(ms);
    // At this very moment a spare call of another process asks for the same request.
    stolen.push(await captureError(client.call(usersApi.me, { priority: "spare" })));
  };
  await createPlaneClient({ ...clientOptions, wait }).call(usersApi.me);
  expect(stolen).toEqual([expect.objectContaining({ code: "rate_limited" })]);
  expect(server.requests).toHaveLength(10);
});

const TOO_MANY = { error_message: "RATE_LIMIT_EXCEEDED" };
const EXCESSIVE_WAIT = { status: 429, headers: { "retry-after": "31536000" }, body: TOO_MANY };

test("after an excessive Retry-After one probe is sent when 15 minutes are over, and its success releases all requests", async () => {
  const { clientOptions, captureRefusal, server, advance } = await createHastyClient([EXCESSIVE_WAIT, ANSWER]);
  expect(await captureRefusal()).toMatchObject({ retryAfter: 900_000 });
  advance(899_999);
  // Another process, as after a restart.
  const restarted = createPlaneClient(clientOptions);
  expect(await captureError(restarted.call(usersApi.me))).toMatchObject({ code: "rate_limited", retryAfter: 1 });
  expect(server.requests).toHaveLength(1);
  advance(1);
  const outcomes = await Promise.allSettled(Array.from({ length: 30 }, () => restarted.call(usersApi.me)));
  expect(outcomes.filter(({ status }) => status === "rejected")).toHaveLength(29);
  expect(server.requests).toHaveLength(2);
  await Promise.all(Array.from({ length: 30 }, () => restarted.call(usersApi.me)));
});

test("a probe that is refused holds the key again for 15 minutes at most, and one without an answer for a minute", async () => {
  const unavailable = { status: 503, body: TOO_MANY };
  const { captureRefusal, send, advance, server } = await createHastyClient([
    ...[EXCESSIVE_WAIT, EXCESSIVE_WAIT, unavailable, ANSWER],
  ]);
  await captureRefusal();
  advance(900_000);
  expect(await captureRefusal()).toMatchObject({ retryAfter: 900_000 });
  advance(899_999);
  expect(await captureRefusal()).toMatchObject({ status: undefined, retryAfter: 1 });
  advance(1);
  expect(await captureRefusal()).toMatchObject({ code: "unavailable" });
  advance(59_999);
  expect(await captureRefusal()).toMatchObject({ code: "rate_limited" });
  advance(1);
  await send(1);
  expect(server.requests).toHaveLength(4);
});

test("a stored pause of a day is shortened to 15 minutes and ends with a probe", async () => {
  const { clientOptions, client, captureRefusal, server, advance } = await createHastyClient();
  await clientOptions.store.pause(`plane:${clientOptions.keyName}`, 86_400_000);
  expect(await captureRefusal()).toMatchObject({ retryAfter: 900_000 });
  advance(900_000);
  const outcomes = await Promise.allSettled(Array.from({ length: 9 }, () => client.call(usersApi.me)));
  expect(outcomes.filter(({ status }) => status === "rejected")).toHaveLength(8);
  expect(server.requests).toHaveLength(1);
});
