import { expect, test } from "vitest";
import { createWorkRules } from "../../../functions/work.ts";
import { MINUTE } from "../../../shared/time.ts";
import { createAgentTestApp } from "../../support/agent-test-app.ts";
import { getTool } from "../../support/get-tool.ts";

/** An existing workspace in which Thot's "Tour" waits for "Guide", before anything is read from Plane. */
async function createUnreadWorkspace(options: Parameters<typeof createAgentTestApp>[0] = {}) {
  const app = await createAgentTestApp({
    parts: { ruleSets: ({ agents }) => [createWorkRules(agents)] },
    needsActor: false,
    ...options,
  });
  const guide = app.addTask("Guide", "Imhotep");
  const tour = app.addTask("Tour", "Thot");
  const map = app.addTask("Map", "Thot");
  app.plane.relate(tour, guide);
  app.advance(MINUTE);
  app.dropWebhooks();
  const findInList = async (agent: string, key: string) => {
    const list = await app.actAs(agent).list({});
    expect(getTool("list_my_tasks").output.parse(list)).toEqual(list);
    return list.tasks.find((task) => task.key === key);
  };
  return { app, guide, tour, map, findInList };
}

test("OPENCLAW-02 blocked_by is null, and the task not startable, until the first look has read its blockers", async () => {
  const { app, findInList } = await createUnreadWorkspace();
  // Relations cannot be read yet.
  const lift = app.plane.faults.add({ path: "relations" }, { kind: "status", status: 503, body: "{}" });
  await app.poll();
  for (const key of ["ONB-2", "ONB-3"])
    expect(await findInList("Thot", key)).toMatchObject({
      blocked_by: null,
      startable: false,
      why_not: "its blockers are still being read from Plane",
    });
  lift();
  await app.runUntilIdle();
  expect(await findInList("Thot", "ONB-2")).toMatchObject({
    blocked_by: [{ key: "ONB-1", status: "todo" }],
    startable: false,
    why_not: "waits for ONB-1",
  });
  const free = await findInList("Thot", "ONB-3");
  expect(free).toMatchObject({ blocked_by: [] });
  expect(free).not.toHaveProperty("startable");
});

test("a claim of a task whose blockers are not known yet reads them first, with one request", async () => {
  const { app } = await createUnreadWorkspace();
  const lift = app.plane.faults.add({ path: "relations" }, { kind: "status", status: 503, body: "{}" });
  await app.poll();
  lift();
  const requests = await app.recordRequests(async () => {
    await expect(app.actAs("Thot").claim("ONB-2")).rejects.toMatchObject({ code: "conflict" });
  });
  expect(requests).toEqual(["GET work-items/:id/relations"]);
  await expect(app.actAs("Thot").claim("ONB-3")).resolves.toMatchObject({ key: "ONB-3" });
});

test("the first look reads the relations of agents' tasks and of what a rule could match, and those of other items when they change", async () => {
  const { app, map } = await createUnreadWorkspace({
    parts: {
      ruleSets: ({ agents }) => [
        createWorkRules(agents),
        {
          name: "urgent",
          needsActor: () => false,
          canMatch: (_, { priority }) => priority === "urgent",
          decide: () => [],
        },
      ],
    },
    // Without the recorder, which could match everything.
    outbox: { queue: "outbox", leaseMs: 1_000, concurrency: 1, handle: async () => ({ done: true }) },
  });
  const urgent = app.addTask("Urgent", [], { priority: "urgent" });
  const other = app.addTask("Nobody's");
  for (const item of [map, urgent, other]) app.plane.addComment(item, "<p>From before</p>");
  app.advance(MINUTE);
  app.dropWebhooks();
  const listDetails = async (act: () => Promise<unknown>) => {
    const before = app.plane.ledger.requests.length;
    await act();
    return app.plane.ledger.requests.slice(before).flatMap(({ path }) => {
      const found = /work-items\/([^/]+)\/(relations|comments)/.exec(path);
      return found ? [`${found[2]} ${app.plane.item(found[1] ?? "")?.name}`] : [];
    });
  };
  const first = await listDetails(async () => {
    await app.poll();
    await app.runUntilIdle();
  });
  // Comments that are older than the first look are known without being read.
  expect(first.toSorted()).toEqual(["relations Guide", "relations Map", "relations Tour", "relations Urgent"]);
  app.advance(2_000);
  app.plane.editItem(other, { priority: "low" });
  const later = await listDetails(async () => {
    await app.poll();
    await app.runUntilIdle();
  });
  expect(later.toSorted()).toEqual(["comments Nobody's", "relations Nobody's"]);
  expect(app.takeEvents()).not.toContain("Nobody's comment_added");
});

test("the blockers of an existing item are read as soon as it is assigned to an agent, without waiting for a poll", async () => {
  const { app, guide, findInList } = await createUnreadWorkspace({
    parts: { ruleSets: ({ agents }) => [createWorkRules(agents)] },
    outbox: { queue: "outbox", leaseMs: 1_000, concurrency: 1, handle: async () => ({ done: true }) },
  });
  const other = app.addTask("Nobody's");
  app.plane.relate(other, guide);
  await app.runFirstPoll();
  expect((await app.readItem(other))?.blockersUnknown).toBe(true);
  app.plane.editItem(other, { assignees: [app.getUser("Thot")] });
  await app.deliverWebhooks();
  await app.runUntilIdle();
  expect(await findInList("Thot", "ONB-4")).toMatchObject({ blocked_by: [{ key: "ONB-1", status: "todo" }] });
});

test("the blockers of existing items are read when their agent is added to the settings later", async () => {
  const { app, findInList } = await createUnreadWorkspace({
    outbox: { queue: "outbox", leaseMs: 1_000, concurrency: 1, handle: async () => ({ done: true }) },
  });
  const { agents } = app.settings;
  const label = app.plane.addLabel(app.onb, "agent:Later");
  app.addTask("For later", [], { labels: [label] });
  await app.runFirstPoll();
  const later = app.plane.addUser({ name: "Later", email: "later@javisi.local.test" });
  await app.restart({ config: { agents: [...agents, { name: "Later", email: later.email }] } });
  await app.poll();
  await app.runUntilIdle();
  await app.poll();
  expect(await app.deps.store.count("tasks:Later")).toBe(1);
  expect(await findInList("Later", "ONB-4")).toMatchObject({ blocked_by: [] });
});
