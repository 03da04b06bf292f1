import { expect, test } from "vitest";
import { changesTick } from "../../../functions/poll/poll-tick.ts";
import { createNotificationRules } from "../../../functions/telegram/rules.ts";
import { notificationRulesSchema } from "../../../shared/config/settings-file.ts";
import { listUnreadParts, markPartRead, requestDetails } from "../../../shared/task/unread-details.ts";
import { createCallContext } from "../../../shared/tasks/call-context.ts";
import { findStartableTasks } from "../../../shared/tasks/startable-tasks.ts";
import { MINUTE, SECOND } from "../../../shared/time.ts";
import type { Item } from "../../../simulators/plane/types.ts";
import { createItemRecord, toTimestamp } from "../../shared/task/sample-items.ts";
import { type AgentTestApp, createAgentTestApp, WORK_RULES } from "../../support/agent-test-app.ts";
import { getTool } from "../../support/get-tool.ts";
import { createTestApp, type TestAppOptions } from "../../support/test-app.ts";

const DETAILS = /\/(?:comments|relations)\//;
const UNAVAILABLE = { kind: "status", status: 503 } as const;

/** A project with observed items, and no other work left. */
async function createItems(count: number, options: TestAppOptions = {}) {
  const app = await createTestApp(options);
  const project = app.addProject();
  const items = Array.from({ length: count }, (_, i) => app.plane.addItem(project, { name: `Item ${i + 1}` }));
  await app.runFirstPoll(MINUTE);
  app.advance(20 * MINUTE);
  app.plane.ledger.clear();
  const [item] = items;
  if (!item) throw new Error("no item");
  const countPending = async () => (await app.store.stats()).queues.observe.pending;
  /** The answered reads of details since the last call, as `relations Item 1`. */
  function takeReads() {
    const reads = app.plane.ledger.requests.filter(({ path, status }) => DETAILS.test(path) && status === 200);
    app.plane.ledger.clear();
    return reads.map(({ path }) => {
      const found = items.find(({ id }) => path.includes(id));
      return `${path.includes("/relations/") ? "relations" : "comments"} ${found?.name}`;
    });
  }
  return { app, plane: app.plane, project, items, item, countPending, takeReads };
}

test("an item that changes while its details wait has one job, which reads each part once", async () => {
  const { app, plane, item, countPending, takeReads } = await createItems(1);
  const removeFault = plane.faults.add({ path: DETAILS }, UNAVAILABLE);
  for (let i = 0; i < 5; i += 1) {
    plane.editItem(item, { priority: i % 2 ? "low" : "high" });
    await app.poll();
    expect(await countPending()).toBe(1);
    app.advance(MINUTE);
  }
  removeFault();
  await app.runUntilIdle();
  expect(takeReads()).toEqual(["relations Item 1", "comments Item 1"]);
});

test("when the second call is refused for lack of quota, the first is not repeated", async () => {
  const { app, plane, item, takeReads } = await createItems(1);
  plane.addComment(item, "<p>Look here</p>");
  app.dropWebhooks();
  plane.faults.add({ path: "/comments/" }, { kind: "rate limited", retryAfter: 30 }, 3);
  await app.pollUntilIdle();
  expect(takeReads()).toEqual(["relations Item 1", "comments Item 1"]);
});

test("a change that a read of details has seen is not read again when a later poll shows it", async () => {
  const { app, plane, item, takeReads } = await createItems(1);
  const removeFault = plane.faults.add({ path: DETAILS }, UNAVAILABLE);
  plane.editItem(item, { priority: "high" });
  await app.poll();
  plane.addComment(item, "<p>After the poll</p>");
  app.dropWebhooks();
  removeFault();
  app.advance(MINUTE);
  await app.runUntilIdle();
  expect(takeReads()).toEqual(["relations Item 1", "comments Item 1"]);
  expect(app.takeEvents()).toEqual(["ONB-1 priority", 'ONB-1 comment_added "After the poll"']);
  await app.pollUntilIdle();
  expect(takeReads()).toEqual([]);
});

test("details that are no longer needed are not read: all of a removed item, and the relations of a done one", async () => {
  const { app, plane, items, item, takeReads } = await createItems(2);
  const removeFault = plane.faults.add({ path: DETAILS }, UNAVAILABLE);
  for (const one of items) plane.editItem(one, { priority: "high" });
  await app.poll();
  plane.editItem(item, { state: "Done" });
  plane.deleteItem(items[1] ?? "");
  await app.poll();
  removeFault();
  await app.runUntilIdle();
  expect(takeReads()).toEqual(["comments Item 1"]);
  // Nor are they when a done item changes.
  app.advance(MINUTE);
  plane.editItem(item, { priority: "low" });
  await app.pollUntilIdle();
  expect(takeReads()).toEqual(["comments Item 1"]);
});

test("relations of agents' tasks are read first, then what a rule could match, then the rest", async () => {
  const agent = { name: "Thot", email: "thot@javisi.local.test" };
  const rules = notificationRulesSchema.parse([{ events: ["blocked", "comment_added"], priorities: ["urgent"] }]);
  const { app, plane, project, items, takeReads } = await createItems(6, {
    agents: [agent],
    parts: { ruleSets: () => [createNotificationRules(rules, 4711)] },
    outbox: { queue: "outbox", leaseMs: 60_000, concurrency: 1, handle: async () => ({ done: true }) },
  });
  const thot = plane.addUser({ name: "Thot", email: agent.email });
  plane.addProjectMember(project, thot);
  const label = plane.addLabel(project, "agent:Thot");
  app.advance(20 * MINUTE);
  for (const [i, one] of items.entries()) {
    if (i % 3 === 0) plane.editItem(one, { assignees: [thot], labels: [label] });
    else plane.editItem(one, { priority: i % 3 === 1 ? "urgent" : "low" });
  }
  await app.pollUntilIdle();
  const groups = takeReads().map((read) => {
    const [part, , number] = read.split(" ");
    return `${part} ${["agent", "rule", "rest"][(Number(number) - 1) % 3]}`;
  });
  const order = ["relations agent", "relations rule", "relations rest", "comments agent", "comments rule"];
  expect(groups).toEqual([...order, "comments rest"].flatMap((group) => [group, group]));
});

test("an item whose details cannot be read moves to a job of its own and holds up no other item", async () => {
  const { app, plane, items, item, countPending, takeReads } = await createItems(2);
  plane.faults.add({ path: new RegExp(`${item.id}/relations`) }, { kind: "status", status: 200, body: '"none"' });
  for (const one of items) plane.editItem(one, { priority: "high" });
  await app.poll();
  const others = takeReads().filter((read) => !read.endsWith("Item 1"));
  expect(others.toSorted()).toEqual(["comments Item 2", "relations Item 2"]);
  expect(await countPending()).toBe(1);
  await app.runUntilIdle();
  expect((await app.store.listDeadJobs("observe")).map(({ lane }) => lane)).toEqual([`details:${item.id}`]);
});

test("OPENCLAW-02 blocked_by is null, and the task not startable, until the first look has read its blockers; a claim reads them first, with one request", async () => {
  const app = await createAgentTestApp({ parts: WORK_RULES });
  const guide = app.addTask("Guide", "Imhotep");
  const tour = app.addTask("Tour", "Thot");
  const map = app.addTask("Map", "Thot", { state: "Todo" });
  app.plane.relate(tour, guide);
  app.advance(MINUTE);
  app.dropWebhooks();
  const findInList = async (key: string) => {
    const list = await app.actAs("Thot").list({});
    expect(getTool("list_my_tasks").output.parse(list)).toEqual(list);
    return list.tasks.find((task) => task.key === key);
  };
  // One of them changes right before it is read for the first time.
  app.plane.faults.beforeRequest(({ path }) => {
    if (!path.includes("work-items/?")) return;
    app.plane.faults.beforeRequest(undefined);
    app.advance(2_000);
    app.plane.editItem(map, { priority: "high" });
  });
  // Relations cannot be read yet.
  const lift = app.plane.faults.add({ path: "relations" }, { ...UNAVAILABLE, body: "{}" });
  await app.poll();
  for (const key of ["ONB-2", "ONB-3"])
    expect(await findInList(key)).toMatchObject({
      blocked_by: null,
      startable: false,
      why_not: `The dependencies of ${key} are still being read from Plane.`,
    });
  expect(await findStartableTasks(app.deps, "Thot")).toEqual([]);
  lift();
  const requests = await app.recordRequests(async () => {
    await expect(app.actAs("Thot").claim("ONB-2")).rejects.toMatchObject({ code: "conflict" });
  });
  expect(requests).toEqual(["GET work-items/:id/relations"]);
  await app.runUntilIdle();
  expect(await findStartableTasks(app.deps, "Thot")).toHaveLength(1);
  expect(await findInList("ONB-2")).toMatchObject({
    blocked_by: [{ key: "ONB-1", status: "todo" }],
    startable: false,
    why_not: "ONB-2 waits for ONB-1 (Imhotep).",
  });
  const free = await findInList("ONB-3");
  expect(free).toMatchObject({ blocked_by: [] });
  expect(free).not.toHaveProperty("startable");
});

test("a request for details leaves out a done item's relations, keeps earlier reasons, lets the parts take turns, and is completed only by its own answer", () => {
  const request = { rev: 7, correlation: "c", canRuleMatch: () => false, isAnnounced: "yes" } as const;
  const unread = { version: 3, correlation: "b", parts: { relations: "none" }, isUnannounced: true } as const;
  const item = createItemRecord({ updatedAt: toTimestamp(9) }, { unread });
  expect(requestDetails(item, "changes", request)?.unread).toMatchObject({ version: 7, isUnannounced: true });
  const done = createItemRecord({ updatedAt: toTimestamp(9), status: "done" });
  expect(requestDetails(done, "changes", request)?.unread?.parts).toEqual({ comments: "none" });
  const both = { version: 7, correlation: "c", parts: { relations: "none", comments: "none" } } as const;
  const order = listUnreadParts(createItemRecord({ status: "done" }, { unread: { ...both, lastRead: "relations" } }));
  expect(order.map(({ part }) => part)).toEqual(["comments", "relations"]);
  expect(markPartRead({ ...item, unread: both }, "relations", item, toTimestamp(9))).toBeUndefined();
});

const INTERVAL = 15 * SECOND;

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

test("reliability 41: a dependency that a person adds on the blocker's page is seen within 30 s, and its removal, too", async () => {
  const app = await createAgentTestApp({ rateLimit: 60 });
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
  const app = await createAgentTestApp({ rateLimit: 60, worker: "by hand" });
  const guide = app.addTask("Guide");
  const tasks = Array.from({ length: 100 }, (_, n) => app.addTask(`Task ${n}`, n % 2 === 0 ? "Thot" : "Imhotep"));
  for (const task of tasks) app.plane.relate(task, guide);
  await app.runFirstPoll();
  for (let n = 0; n < 4; n += 1) {
    await changesTick.run(app.deps);
    app.advance(INTERVAL);
  }
  const countOwnReads = () =>
    app.plane.ledger.requests.filter(({ owner, path }) => owner === app.human.id && path.includes("relations")).length;
  const before = countOwnReads();
  // The worker of Plane does not run, so no list shows the change.
  const freed = tasks.slice(0, 10);
  for (const task of freed) app.plane.unrelate(task, guide);
  const areFree = async () => !(await Promise.all(freed.map((task) => isBlocked(app, task)))).includes(true);
  expect(await lookUntil(app, areFree)).toBeLessThanOrEqual(2 * MINUTE);
  expect(countOwnReads()).toBe(before);
  expect(app.plane.ledger.requests.filter(({ status }) => status === 429)).toEqual([]);
});

test("a task that nobody could start without its blockers, stopped or in review, is not read again", async () => {
  const app = await createAgentTestApp({ rateLimit: 60 });
  const guide = app.addTask("Guide");
  const inReview = app.addTask("Tour", "Thot", { labels: [app.plane.addLabel(app.onb, "review")] });
  const stopped = app.addTask("Fair", "Thot");
  for (const task of [inReview, app.addTask("Map"), stopped]) app.plane.relate(task, guide);
  await app.runFirstPoll();
  app.plane.addComment(stopped, "<p>stop</p>");
  await app.deliverUntilIdle();
  await app.pollUntilIdle();
  app.advance(2 * MINUTE);
  const requests = await app.recordRequests(() => changesTick.run(app.deps));
  expect(requests.filter((request) => request.includes("relations"))).toEqual([]);
});

test("agents that are no members of a project leave it to Groundcrew's key, and a Plane that is away ends the run", async () => {
  const app = await createAgentTestApp({ rateLimit: 60 });
  const project = app.plane.addProject({ name: "Secret", identifier: "SEC", members: [app.human] });
  const task = app.plane.addItem(project, { name: "Vault" });
  await app.runFirstPoll();
  app.advance(MINUTE);
  app.plane.editItem(task, { name: "Safe" });
  app.dropWebhooks();
  await changesTick.run(app.deps);
  expect((await app.readItem(task))?.snapshot.name).toBe("Safe");
  app.advance(MINUTE);
  const began = app.time.now;
  await app.plane.takeDown();
  await expect(changesTick.run(app.deps)).resolves.toEqual({ changed: 0 });
  expect(app.time.now - began).toBeLessThan(MINUTE);
  await app.plane.bringUp();
});

const RATE_LIMIT = 20;
const BLOCKERS = /\/(relations|activities)\//;

/** A workspace on a small quota that people have used before: Thot and Imhotep have blocked tasks. */
async function createFullWorkspace({
  tasksPerAgent = 15,
  ...options
}: Parameters<typeof createAgentTestApp>[0] & { tasksPerAgent?: number } = {}) {
  const app = await createAgentTestApp({ rateLimit: RATE_LIMIT, ...options });
  const guide = app.addTask("Guide");
  const tasks = ["Thot", "Imhotep"].flatMap((agent) =>
    Array.from({ length: tasksPerAgent }, (_, n) => app.addTask(`${agent} ${n}`, agent)),
  );
  for (const task of tasks) app.plane.relate(task, guide);
  app.advance(MINUTE);
  app.dropWebhooks();
  async function pollUntilBlocked() {
    await app.pollUntilIdle();
    for (const task of tasks) expect((await app.readItem(task))?.blockers).toEqual([guide.id]);
  }
  return { app, pollUntilBlocked };
}

function listReads(app: AgentTestApp, owner?: string) {
  const id = owner === undefined ? app.human.id : app.getUser(owner).id;
  return app.plane.ledger.requests.filter((request) => request.owner === id && BLOCKERS.test(request.path));
}

/** The shortest time between two requests. */
function findShortestGap(requests: readonly { at: number }[]): number {
  return Math.min(...requests.slice(1).map(({ at }, i) => at - (requests[i]?.at ?? 0)));
}

test("reliability 29: while Groundcrew's quota is used up, the keys of idle agents read the relations of agents' open tasks, one request a second, and no request more than before", async () => {
  const { app, pollUntilBlocked } = await createFullWorkspace();
  await pollUntilBlocked();
  expect(app.plane.ledger.requests.filter(({ status }) => status !== 200)).toEqual([]);
  const reads = ["Concierge", "Thot", "Imhotep"].map((agent) => listReads(app, agent));
  for (const read of reads) {
    expect(read.length).toBeGreaterThan(1);
    expect(findShortestGap(read)).toBeGreaterThanOrEqual(SECOND);
    // Of 20 requests a minute a twentieth is left to the agent.
    const countMinute = (end: number) => read.filter(({ at }) => at <= end && at > end - MINUTE).length;
    expect(Math.max(...read.map(({ at }) => countMinute(at)))).toBeLessThanOrEqual(19);
  }
  // 30 tasks, and the item that the recording rules could match.
  expect(listReads(app).length + reads.flat().length).toBe(31);
});

test("an agent that has sent a request itself in the last two minutes keeps half of its quota", async () => {
  const { app, pollUntilBlocked } = await createFullWorkspace({ tasksPerAgent: 20 });
  await createCallContext(app.deps, app.getCaller("Thot")).waitForTurn("a call of the agent");
  const calledAt = app.time.now;
  await pollUntilBlocked();
  const reads = listReads(app, "Thot").filter(({ at }) => at < calledAt + 2 * MINUTE);
  expect(reads.length).toBeGreaterThan(1);
  // Half of 20 requests a minute.
  expect(findShortestGap(reads)).toBeGreaterThanOrEqual(6 * SECOND);
});

test("an agent without a key is read for with the others'", async () => {
  const { app, pollUntilBlocked } = await createFullWorkspace({ keyless: ["Thot"] });
  await pollUntilBlocked();
  expect(listReads(app, "Thot")).toEqual([]);
  expect(findShortestGap(listReads(app, "Concierge")), "not its own reads beside Thot's").toBeGreaterThanOrEqual(
    SECOND,
  );
});

test.each([
  [403, { detail: "Given API token is not valid" }],
  [404, { error: "The requested resource does not exist." }],
])("an agent's key that Plane refuses with %s is not used in that project for 10 minutes", async (status, body) => {
  const keys: Record<string, string> = {};
  const { app, pollUntilBlocked } = await createFullWorkspace({
    fetch: async (input, init) => {
      const request = new Request(input, init);
      const isRefused = request.headers.get("x-api-key") === keys["Thot"] && request.method === "GET";
      return isRefused ? Response.json(body, { status }) : fetch(request);
    },
  });
  Object.assign(keys, app.settings.plane?.agentKeys);
  await pollUntilBlocked();
  const warnings = app.logged.filter(({ message }) => String(message).startsWith("Plane refused an agent's key"));
  expect(warnings).toMatchObject([{ agent: "Thot", status }]);
});

test("a 429 on an agent's key holds that key alone", async () => {
  const { app, pollUntilBlocked } = await createFullWorkspace();
  const headers = { "x-api-key": app.settings.plane?.agentKeys["Thot"] ?? "" };
  // Thot has used up its quota by itself, which Groundcrew does not know.
  for (let n = 0; n < RATE_LIMIT; n += 1) await fetch(`${app.settings.plane?.url}/api/v1/users/me/`, { headers });
  await pollUntilBlocked();
  expect(listReads(app, "Thot").filter(({ status }) => status === 429)).toHaveLength(1);
  expect([...listReads(app, "Imhotep"), ...listReads(app)].filter(({ status }) => status !== 200)).toEqual([]);
});

test("on Plane 1.2.2 an agent's key reads the activities of its tasks, no key requests relations, and the version is read once", async () => {
  const { app, pollUntilBlocked } = await createFullWorkspace({ version: "1.2.2" });
  await pollUntilBlocked();
  const paths = app.plane.ledger.requests.map(({ path }) => path);
  expect(paths.filter((path) => path.includes("/relations/"))).toEqual([]);
  expect(paths.filter((path) => path.includes("/instances/"))).toHaveLength(1);
  expect(listReads(app, "Thot").length).toBeGreaterThan(0);
});
