import { expect, test } from "vitest";
import type { Fault } from "../../demo/plane/control.ts";
import { createHouse } from "./house.ts";
import { NO_LIMITS } from "./manifest.ts";
import { CHAT, keyOf, PATIENT } from "./outside.ts";
import { early, mostInAMinute } from "./quota.ts";
import { chance as chanceFor, FULL, sized } from "./random.ts";
import { doubled, invented, lost, toldOf } from "./told.ts";

const CONFIG = { notifications: [{ events: ["completed"] }] };
const OPTIONS = {
  outbox: { limits: NO_LIMITS, burst: 0 },
  config: CONFIG,
  telegram: PATIENT,
};
const LIST = /\/work-items\/\?/;

test("12: no request comes before a Retry-After is over, and never more than the quota in any 60 s", async () => {
  const chance = chanceFor("quota");
  const house = await createHouse({ ...OPTIONS, rateLimit: 60 });
  const { plane, telegram, time } = house;
  const project = house.project();
  const items = house.items(project, sized(400, 120));
  await house.begin();
  const retryAfter = 17;
  const done: string[] = [];
  let refusals = 0;
  for (let hour = 0; hour < sized(36, 3); hour += 1) {
    for (let n = 0; n < 40; n += 1) {
      const item = chance.pick(items);
      plane.addComment(item, `<p>${hour}.${n}</p>`);
      if (chance.happens(0.3)) plane.relate(item, chance.pick(items.filter(({ id }) => id !== item.id)));
    }
    const finished = items[hour];
    if (finished) {
      plane.editItem(finished, { state: "Done" });
      done.push(keyOf(project, finished));
    }
    house.bodies();
    if (hour % 3 < 2) {
      plane.faults.add({ path: "/api/v1/" }, { kind: "rate limited", retryAfter }, 1 + chance.below(2));
      refusals += 1;
    }
    const answer = await house.tick();
    expect(answer.status).toBe(200);
    plane.faults.clear();
    if (hour % 3 < 2) await time.pass(chance.below(60_000));
    else await house.quiet();
  }
  await house.quiet();
  const { requests } = plane.ledger;
  const refused = requests.filter(({ status }) => status === 429);
  console.info(
    `quota: ${requests.length} requests, ${refused.length} times 429, at most ${mostInAMinute(requests)} a minute`,
  );
  expect(refused.length).toBeGreaterThanOrEqual(refusals);
  expect(early(requests, retryAfter * 1_000)).toEqual([]);
  expect(mostInAMinute(requests)).toBeLessThanOrEqual(60);
  // There was more to ask than the quota gives to background calls, or this shows nothing.
  expect(mostInAMinute(requests)).toBeGreaterThanOrEqual(30);
  const told = toldOf(telegram, CHAT);
  expect({ lost: lost(told, done), invented: invented(told, done), doubled: doubled(told) }).toEqual({
    lost: [],
    invented: [],
    doubled: [],
  });
}, 120_000);

/** Real silence lasts the real 30 s of a request, four times; every day something on the way breaks it off sooner. */
const impatient =
  (ask: typeof fetch): typeof fetch =>
  (input, init) => {
    const soon = AbortSignal.timeout(300);
    return ask(input, { ...init, signal: init?.signal ? AbortSignal.any([init.signal, soon]) : soon });
  };

/** 15 s of pauses between four tries, and what each try may take. */
const IN_TIME = 240_000;
const FAULTS: [name: string, fault: Fault][] = [
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
    () => misbehave(fault),
    200_000,
  );
}

async function misbehave(fault: Fault) {
  const house = await createHouse(OPTIONS);
  const { plane, telegram, time } = house;
  const project = house.project();
  const items = house.items(project, 5);
  await house.begin();
  if (fault.kind === "half-open" && !FULL) await house.start({ fetch: impatient });
  const [first] = items;
  if (!first) throw new Error("no item");
  plane.editItem(first, { state: "Done" });
  house.bodies();
  plane.ledger.clear();
  const mend = plane.faults.add({ path: LIST }, fault);
  const began = time.clock();
  const both = await Promise.all([
    time.during(house.ask("/ticks/poll", { method: "POST" }), IN_TIME),
    house.ask("/ticks/poll", { method: "POST" }),
  ]);
  expect(time.clock() - began).toBeLessThanOrEqual(IN_TIME);
  const lists = plane.ledger.requests.filter(({ path }) => LIST.test(path));
  // The tries of one poll: who asks while it runs gets its report.
  expect(lists.length).toBeGreaterThan(0);
  expect(lists.length).toBeLessThanOrEqual(4);
  for (const answer of both) expect([200, 503]).toContain(answer.status);
  expect(telegram.calls).toEqual([]);

  mend();
  expect((await house.tick()).status).toBe(200);
  await house.quiet();
  const told = toldOf(telegram, CHAT);
  expect([...told.named]).toEqual([[keyOf(project, first), { times: 1, marked: 0 }]]);
}
