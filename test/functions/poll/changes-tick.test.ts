import { expect, test } from "vitest";
import { changesTick } from "../../../functions/poll/changes-tick.ts";
import { MINUTE, SECOND } from "../../../shared/time.ts";
import type { Item } from "../../../simulators/plane/types.ts";
import { type AgentTestApp, createAgentTestApp } from "../../support/agent-test-app.ts";
import { createTestSettings, PLANE_ENV } from "../../support/settings.ts";

const INTERVAL = 15 * SECOND;

/** A workspace at Plane's own quota, whose webhooks are all lost. */
async function createQuietWorkspace(options: Parameters<typeof createAgentTestApp>[0] = {}) {
  return createAgentTestApp({ rateLimit: 60, ...options });
}

/** Runs the tick as its schedule does, until the condition holds; returns the time that took. */
async function lookUntil(app: AgentTestApp, condition: () => Promise<boolean>, within = 10 * MINUTE): Promise<number> {
  const began = app.time.now;
  // A change comes at the worst moment: right after a run.
  while (app.time.now < began + within) {
    const next = app.time.now + INTERVAL;
    while (app.time.now < next) {
      app.advance(SECOND);
      await app.drain();
      if (await condition()) return app.time.now - began;
    }
    await changesTick.run(app.deps);
    await app.drain();
    if (await condition()) return app.time.now - began;
  }
  throw new Error("The condition does not hold.");
}

const isBlocked = async (app: AgentTestApp, item: Item) => (await app.readItem(item))?.blockers.length !== 0;

const listRequests = (app: AgentTestApp, owner: { id: string }, path: RegExp) =>
  app.plane.ledger.requests.filter((request) => request.owner === owner.id && path.test(request.path));

test("reliability 41: a dependency that a person adds on the blocker's page is seen within 30 s, and its removal, too", async () => {
  const app = await createQuietWorkspace();
  const task = app.addTask("Tour", "Thot");
  const blocker = app.addTask("Guide", [], {}, app.plane.addProject({ name: "Handbook", identifier: "HB" }));
  for (let n = 0; n < 7; n += 1) {
    const project = app.plane.addProject({ name: `Other ${n}`, identifier: `O${n}` });
    app.addTask(`Task of ${n}`, "Imhotep", {}, project);
  }
  await app.runFirstPoll();
  app.advance(MINUTE);
  await changesTick.run(app.deps);
  app.plane.relate(task, blocker, { onto: "blocker" });
  app.dropWebhooks();
  expect(await lookUntil(app, () => isBlocked(app, task))).toBeLessThanOrEqual(30 * SECOND);
  app.plane.unrelate(task, blocker, { onto: "blocker" });
  app.dropWebhooks();
  expect(await lookUntil(app, async () => !(await isBlocked(app, task)))).toBeLessThanOrEqual(30 * SECOND);
});

test("reliability 41: relations of 100 blocked tasks are read in turn with the agents' keys, so that a removal which nothing shows is seen within 2 minutes", async () => {
  const app = await createQuietWorkspace({ worker: "by hand" });
  const guide = app.addTask("Guide");
  const tasks = Array.from({ length: 100 }, (_, n) => app.addTask(`Task ${n}`, n % 2 === 0 ? "Thot" : "Imhotep"));
  for (const task of tasks) app.plane.relate(task, guide);
  await app.runFirstPoll();
  for (let n = 0; n < 4; n += 1) {
    await changesTick.run(app.deps);
    app.advance(INTERVAL);
  }
  const before = listRequests(app, app.human, /relations/).length;
  // The worker of Plane does not run, so no list shows the change.
  for (const task of tasks.slice(0, 10)) app.plane.unrelate(task, guide);
  const areFree = async () =>
    (await Promise.all(tasks.slice(0, 10).map((task) => isBlocked(app, task)))).every((blocked) => !blocked);
  expect(await lookUntil(app, areFree)).toBeLessThanOrEqual(2 * MINUTE);
  expect(listRequests(app, app.human, /relations/).length).toBe(before);
  expect(app.plane.ledger.requests.filter(({ status }) => status === 429)).toEqual([]);
});

test("a task that nobody could start without its blockers, stopped or in review, is not read again", async () => {
  const app = await createQuietWorkspace();
  const guide = app.addTask("Guide");
  const label = app.plane.addLabel(app.onb, "review");
  const inReview = app.addTask("Tour", "Thot", { labels: [label] });
  const ofNobody = app.addTask("Map");
  for (const task of [inReview, ofNobody]) app.plane.relate(task, guide);
  await app.runFirstPoll();
  await app.runUntilIdle();
  app.advance(2 * MINUTE);
  const requests = await app.recordRequests(() => changesTick.run(app.deps));
  expect(requests.filter((request) => request.includes("relations"))).toEqual([]);
});

test("an agent's key that lists fewer items than there are removes none", async () => {
  const keys: Record<string, string> = {};
  const isPartial = { now: false };
  const app = await createQuietWorkspace({
    fetch: async (input, init) => {
      const request = new Request(input, init);
      const isOwn = request.headers.get("x-api-key") === app.apiKey;
      const answer = await fetch(request);
      if (isOwn || !isPartial.now || !/work-items\/\?/.test(request.url)) return answer;
      const body = { ...((await answer.json()) as object), results: [], total_count: 0, next_page_results: false };
      return Response.json(body, { headers: { date: answer.headers.get("date") ?? "" } });
    },
  });
  Object.assign(keys, app.settings.plane?.agentKeys);
  const task = app.addTask("Tour", "Thot");
  await app.runFirstPoll();
  app.takeEvents();
  isPartial.now = true;
  app.advance(MINUTE);
  await changesTick.run(app.deps);
  await app.runUntilIdle();
  expect(app.takeEvents()).toEqual([]);
  expect((await app.readItem(task))?.removedAt).toBeUndefined();
});

test("agents that are no members of a project leave it to Groundcrew's key, and a Plane that is away ends the run", async () => {
  const app = await createQuietWorkspace();
  const project = app.plane.addProject({ name: "Secret", identifier: "SEC", members: [app.human] });
  const task = app.plane.addItem(project, { name: "Vault" });
  await app.runFirstPoll();
  app.advance(MINUTE);
  app.plane.editItem(task, { name: "Safe" });
  app.dropWebhooks();
  await changesTick.run(app.deps);
  expect((await app.readItem(task))?.snapshot.name).toBe("Safe");
  app.advance(MINUTE);
  await app.plane.takeDown();
  await expect(changesTick.run(app.deps)).resolves.toEqual({ changed: 0 });
  await app.plane.bringUp();
});

test("projects are looked at every 15 s, unless POLL_CRON says when Plane is read, and not without agents", async () => {
  expect(changesTick.cron(createTestSettings(PLANE_ENV))).toBe("*/15 * * * * *");
  expect(changesTick.cron(createTestSettings({ ...PLANE_ENV, POLL_CRON: "*/3 * * * *" }))).toBe("*/3 * * * *");
});
