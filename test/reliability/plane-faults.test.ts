import { expect, test, vi } from "vitest";
import { MINUTE } from "../../shared/time.ts";
import type { LedgerRequest, PlaneFault } from "../../simulators/plane/test-controls.ts";
import type { Item } from "../../simulators/plane/types.ts";
import { findFaults, NO_FAULTS } from "./completions.ts";
import { createLoggedRandom, IS_FULL_RUN, pickSize } from "./random-source.ts";
import { NO_TELEGRAM_LIMITS, toItemKey } from "./simulators.ts";
import { NO_LIMITS } from "./test-manifest.ts";
import { createVirtualTimeApp } from "./virtual-time-app.ts";

vi.setConfig({ testTimeout: 200_000 });

const OPTIONS = {
  outbox: { limits: NO_LIMITS, burstWindow: 0 },
  config: { notifications: [{ events: ["completed"] }] },
  telegram: NO_TELEGRAM_LIMITS,
};
const LIST = /\/work-items\/\?/;

/** Counts the API requests that Plane received in the busiest 60 s. */
function countBusiestMinute(requests: readonly LedgerRequest[]): number {
  const times = requests.filter(({ api }) => api).map(({ at }) => at);
  return Math.max(...times.map((at, i) => i + 1 - times.findIndex((other) => other > at - MINUTE)));
}

/** Finds requests that arrived before the Retry-After of a 429 had passed. */
function findEarlyRequests(requests: readonly LedgerRequest[], retryAfterMs: number): LedgerRequest[] {
  const refused = requests.filter(({ status }) => status === 429);
  // Requests at the very moment of the 429 were already on their way.
  return requests.filter(({ api, at }) => api && refused.some((one) => at > one.at && at < one.at + retryAfterMs));
}

test("reliability 12: no request is sent before a Retry-After has passed, and never more than the quota in any 60 s", async () => {
  const randomSource = createLoggedRandom("quota");
  const app = await createVirtualTimeApp({ ...OPTIONS, rateLimit: 60 });
  const { plane, telegram, time } = app;
  const project = app.addProject();
  const items = app.addItems(project, pickSize(400, 120));
  await app.runFirstPoll();
  const retryAfter = 17;
  const done: string[] = [];
  let refusals = 0;
  for (let hour = 0; hour < pickSize(36, 3); hour += 1) {
    for (let n = 0; n < 40; n += 1) {
      const item = randomSource.pick(items);
      plane.addComment(item, `<p>${hour}.${n}</p>`);
      if (randomSource.happens(0.3)) plane.relate(item, randomSource.pick(items.filter(({ id }) => id !== item.id)));
    }
    const finished = items[hour] as Item;
    plane.editItem(finished, { state: "Done" });
    done.push(toItemKey(project, finished));
    app.takeWebhookBodies();
    if (hour % 3 < 2) {
      plane.faults.add({ path: "/api/v1/" }, { kind: "rate limited", retryAfter }, 1 + randomSource.below(2));
      refusals += 1;
    }
    expect((await app.runTick()).status).toBe(200);
    plane.faults.clear();
    if (hour % 3 < 2) await time.advance(randomSource.below(60_000));
    else await app.waitUntilIdle();
  }
  await app.waitUntilIdle();
  const { requests } = plane.ledger;
  const refused = requests.filter(({ status }) => status === 429);
  expect(refused.length).toBeGreaterThanOrEqual(refusals);
  expect(findEarlyRequests(requests, retryAfter * 1_000)).toEqual([]);
  expect(countBusiestMinute(requests)).toBeLessThanOrEqual(60);
  // The test proves nothing unless background calls reached their share of the quota.
  expect(countBusiestMinute(requests)).toBeGreaterThanOrEqual(30);
  expect(findFaults(telegram, done)).toEqual(NO_FAULTS);
});

/** A silent server costs four request timeouts of 30 s in real time; outside the full run requests are aborted sooner. */
const abortSlowRequests =
  (fetchFn: typeof fetch): typeof fetch =>
  (input, init) => {
    const timeout = AbortSignal.timeout(300);
    return fetchFn(input, { ...init, signal: init?.signal ? AbortSignal.any([init.signal, timeout]) : timeout });
  };

/** Limit of a poll: four attempts with 15 s of pauses between them. */
const POLL_LIMIT_MS = 240_000;
/** The kinds of faults that the usual run has. */
const SAMPLE: readonly string[] = ["truncated", "html", "half-open"];
const FAULTS: [name: string, fault: PlaneFault][] = [
  ["answers 500", { kind: "status", status: 500 }],
  ["truncates its JSON", { kind: "truncated" }],
  ["answers with an HTML page", { kind: "html" }],
  ["breaks the connection", { kind: "drop" }],
  ["keeps the connection open without answering", { kind: "half-open" }],
];

const CHOSEN_FAULTS = FAULTS.filter(([, { kind }]) => IS_FULL_RUN || SAMPLE.includes(kind));

test.each(CHOSEN_FAULTS)("reliability 13: when Plane %s, the poll ends in time, the next works", async (_, fault) => {
  const app = await createVirtualTimeApp(OPTIONS);
  const { plane, telegram, time } = app;
  const project = app.addProject();
  const [first] = app.addItems(project, 5);
  if (!first) throw new Error("no item");
  await app.runFirstPoll();
  if (fault.kind === "half-open" && !IS_FULL_RUN) await app.start({ fetch: abortSlowRequests });
  plane.editItem(first, { state: "Done" });
  app.takeWebhookBodies();
  plane.ledger.clear();
  const removeFault = plane.faults.add({ path: LIST }, fault);
  const startedAt = time.clock();
  const answers = await Promise.all([
    time.advanceUntilSettled(app.request("/ticks/poll", { method: "POST" }), POLL_LIMIT_MS),
    app.request("/ticks/poll", { method: "POST" }),
  ]);
  expect(time.clock() - startedAt).toBeLessThanOrEqual(POLL_LIMIT_MS);
  const lists = plane.ledger.requests.filter(({ path }) => LIST.test(path));
  // Both requests share one poll with at most four attempts.
  expect(lists.length).toBeGreaterThan(0);
  expect(lists.length).toBeLessThanOrEqual(4);
  for (const answer of answers) expect([200, 503]).toContain(answer.status);
  // The jobs are retried before a notice is sent.
  expect(telegram.calls).toEqual([]);

  removeFault();
  expect((await app.runTick()).status).toBe(200);
  await app.waitUntilIdle();
  expect(findFaults(telegram, [toItemKey(project, first)])).toEqual(NO_FAULTS);
});
