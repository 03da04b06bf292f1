import { expect, test } from "vitest";
import type { PlaneFault } from "../../simulators/plane/test-controls.ts";
import { findDuplicated, findMissing, findUnexpected, readCompletions } from "./completions.ts";
import { createLoggedRandom as chanceFor, IS_FULL_RUN, pickSize } from "./random-source.ts";
import { countBusiestMinute, findEarlyRequests } from "./request-rate.ts";
import { NO_TELEGRAM_LIMITS, SIMULATED_CHAT, toItemKey } from "./simulators.ts";
import { NO_LIMITS } from "./test-manifest.ts";
import { createVirtualTimeApp } from "./virtual-time-app.ts";

const CONFIG = { notifications: [{ events: ["completed"] }] };
const OPTIONS = {
  outbox: { limits: NO_LIMITS, burstWindow: 0 },
  config: CONFIG,
  telegram: NO_TELEGRAM_LIMITS,
};
const LIST = /\/work-items\/\?/;

test("12: no request comes before a Retry-After is over, and never more than the quota in any 60 s", async () => {
  const chance = chanceFor("quota");
  const house = await createVirtualTimeApp({ ...OPTIONS, rateLimit: 60 });
  const { plane, telegram, time } = house;
  const project = house.addProject();
  const items = house.addItems(project, pickSize(400, 120));
  await house.runFirstPoll();
  const retryAfter = 17;
  const done: string[] = [];
  let refusals = 0;
  for (let hour = 0; hour < pickSize(36, 3); hour += 1) {
    for (let n = 0; n < 40; n += 1) {
      const item = chance.pick(items);
      plane.addComment(item, `<p>${hour}.${n}</p>`);
      if (chance.happens(0.3)) plane.relate(item, chance.pick(items.filter(({ id }) => id !== item.id)));
    }
    const finished = items[hour];
    if (finished) {
      plane.editItem(finished, { state: "Done" });
      done.push(toItemKey(project, finished));
    }
    house.takeWebhookBodies();
    if (hour % 3 < 2) {
      plane.faults.add({ path: "/api/v1/" }, { kind: "rate limited", retryAfter }, 1 + chance.below(2));
      refusals += 1;
    }
    const answer = await house.runTick();
    expect(answer.status).toBe(200);
    plane.faults.clear();
    if (hour % 3 < 2) await time.advance(chance.below(60_000));
    else await house.waitUntilIdle();
  }
  await house.waitUntilIdle();
  const { requests } = plane.ledger;
  const refused = requests.filter(({ status }) => status === 429);
  console.info(
    `quota: ${requests.length} requests, ${refused.length} times 429, at most ${countBusiestMinute(requests)} a minute`,
  );
  expect(refused.length).toBeGreaterThanOrEqual(refusals);
  expect(findEarlyRequests(requests, retryAfter * 1_000)).toEqual([]);
  expect(countBusiestMinute(requests)).toBeLessThanOrEqual(60);
  // There was more to ask than the quota gives to background calls, or this shows nothing.
  expect(countBusiestMinute(requests)).toBeGreaterThanOrEqual(30);
  const told = readCompletions(telegram, SIMULATED_CHAT);
  expect({
    lost: findMissing(told, done),
    invented: findUnexpected(told, done),
    doubled: findDuplicated(told),
  }).toEqual({
    lost: [],
    invented: [],
    doubled: [],
  });
}, 120_000);

/** Real silence lasts the real 30 s of a request, four times; every day something on the way breaks it off sooner. */
const abortSlowRequests =
  (ask: typeof fetch): typeof fetch =>
  (input, init) => {
    const soon = AbortSignal.timeout(300);
    return ask(input, { ...init, signal: init?.signal ? AbortSignal.any([init.signal, soon]) : soon });
  };

/** 15 s of pauses between four tries, and what each try may take. */
const POLL_LIMIT_MS = 240_000;
const FAULTS: [name: string, fault: PlaneFault][] = [
  ["answers 500", { kind: "status", status: 500 }],
  [
    "answers 503 with a page",
    { kind: "status", status: 503, body: "<html>", headers: { "content-type": "text/html" } },
  ],
  ["cuts its JSON in the middle", { kind: "truncated" }],
  ["answers with a page of HTML", { kind: "html" }],
  ["breaks the connection", { kind: "drop" }],
  ["keeps the connection and says nothing", { kind: "half-open" }],
  ["answers other JSON", { kind: "status", status: 200, body: '{"results": "none"}' }],
];

for (const [name, fault] of FAULTS) {
  test(
    `13: when Plane ${name}, the poll ends in time, never overlaps, and the next one works`,
    () => testPlaneFault(fault),
    200_000,
  );
}

async function testPlaneFault(fault: PlaneFault) {
  const house = await createVirtualTimeApp(OPTIONS);
  const { plane, telegram, time } = house;
  const project = house.addProject();
  const items = house.addItems(project, 5);
  await house.runFirstPoll();
  if (fault.kind === "half-open" && !IS_FULL_RUN) await house.start({ fetch: abortSlowRequests });
  const [first] = items;
  if (!first) throw new Error("no item");
  plane.editItem(first, { state: "Done" });
  house.takeWebhookBodies();
  plane.ledger.clear();
  const removeFault = plane.faults.add({ path: LIST }, fault);
  const began = time.clock();
  const answers = await Promise.all([
    time.advanceUntilSettled(house.request("/ticks/poll", { method: "POST" }), POLL_LIMIT_MS),
    house.request("/ticks/poll", { method: "POST" }),
  ]);
  expect(time.clock() - began).toBeLessThanOrEqual(POLL_LIMIT_MS);
  const lists = plane.ledger.requests.filter(({ path }) => LIST.test(path));
  // The tries of one poll: who asks while it runs gets its report.
  expect(lists.length).toBeGreaterThan(0);
  expect(lists.length).toBeLessThanOrEqual(4);
  for (const answer of answers) expect([200, 503]).toContain(answer.status);
  expect(telegram.calls).toEqual([]);

  removeFault();
  expect((await house.runTick()).status).toBe(200);
  await house.waitUntilIdle();
  const told = readCompletions(telegram, SIMULATED_CHAT);
  expect([...told.named]).toEqual([[toItemKey(project, first), { times: 1, marked: 0 }]]);
}
