import { describe, expect, test } from "vitest";
import { z } from "zod";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import { HOUR, MINUTE } from "../../../shared/time.ts";
import { createObservedProject } from "../../shared/sync/rules/observed-project.ts";
import { createTestApp } from "../../support/test-app.ts";

test("reliability 3: when all webhooks are lost, the next tick finds every net change and deletion, up to 100 items", async () => {
  const app = await createTestApp();
  const { plane } = app;
  const thot = app.addPerson("Thot");
  const projects = [app.addProject(), app.addProject("Second", "SEC")];
  const items = projects.flatMap((project) =>
    Array.from({ length: 60 }, (_, n) => plane.addItem(project, { name: `Item ${n}`, assignees: [thot] })),
  );
  app.advance(MINUTE);
  await app.runFirstPoll();
  app.advance(30 * MINUTE);

  const wanted: string[] = [];
  const keyOf = (at: number) => (at < 60 ? `ONB-${at + 1}` : `SEC-${at - 59}`);
  for (const [at, item] of items.entries()) {
    if (at % 6 === 5) continue;
    const key = keyOf(at);
    const edits = [
      () => {
        plane.editItem(item, { state: "In Progress" });
        plane.editItem(item, { state: "Done" });
        wanted.push(`${key} completed`);
      },
      () => {
        plane.editItem(item, { assignees: [] });
        wanted.push(`${key} unassigned thot`);
      },
      () => {
        plane.editItem(item, { assignees: [app.human, thot] });
        plane.editItem(item, { assignees: [app.human] });
        wanted.push(`${key} assigned ada`, `${key} unassigned thot`);
      },
      () => {
        plane.deleteItem(item);
        wanted.push(`${key} removed`);
      },
      () => {
        plane.addComment(item, "<p>Words</p>");
        // Came and went between two ticks: accepted and said.
        plane.editItem(item, { name: "Other" });
        plane.editItem(item, { name: item.name });
        wanted.push(`${key} comment_added "Words"`);
      },
    ];
    edits[at % 6]?.();
    app.advance(1_000);
  }
  for (const [i, project] of projects.entries()) {
    plane.addItem(project, { name: "Made meanwhile", assignees: [thot] });
    wanted.push(`${i ? "SEC" : "ONB"}-61 created`, `${i ? "SEC" : "ONB"}-61 assigned thot`);
  }
  app.dropWebhooks();
  await app.poll();
  expect(app.takeEvents().sort()).toEqual(wanted.sort());
  await app.pollUntilIdle();
  expect(app.takeEvents()).toEqual([]);
});

const pageSchema = z.looseObject({ results: z.array(z.unknown()) });

/** Plane's lists of work items, in which `change` turns every page into one that announces a further page. */
function createEndlessFetch(change: (results: unknown[]) => unknown[]) {
  const state = { isEndless: false, requests: 0 };
  const endlessFetch: typeof fetch = async (input, init) => {
    const url = String(input);
    if (!state.isEndless || !/\/work-items\/\?/.test(url)) return fetch(input, init);
    state.requests += 1;
    // The first page again, whatever cursor the request names.
    const response = await fetch(url.replace(/cursor=[^&]*&?/, ""), init);
    const page = pageSchema.parse(await response.json());
    const next = { next_page_results: true, next_cursor: `100:${state.requests}:0` };
    return Response.json({ ...page, results: change(page.results), ...next });
  };
  return { state, endlessFetch };
}

test.each<[string, number, (results: unknown[]) => unknown[]]>([
  ["repeats its first page under new cursors", 4, (results) => results],
  ["consists of empty pages", 1, () => []],
])(
  "a poll fails when Plane's list %s, its cursor does not move, and the next poll finds every change",
  async (_what, requests, change) => {
    const { state, endlessFetch } = createEndlessFetch(change);
    const { app, plane, project, item } = await createObservedProject({ fetch: endlessFetch });
    const other = plane.addItem(project, { name: "Other" });
    await app.poll();
    app.takeEvents();
    app.advance(20 * MINUTE);
    plane.editItem(item, { state: "Done" });
    plane.editItem(other, { state: "Done" });
    app.dropWebhooks();
    state.isEndless = true;
    expect(await app.poll()).toMatchObject({ projects: 0 });
    expect(app.logged).toContainEqual(
      expect.objectContaining({
        message: "project poll failed",
        error: expect.stringMatching(/^Plane's list \w+ (?:announces|has sent)/),
      }),
    );
    expect(state.requests).toBe(requests);
    app.advance(30 * MINUTE);
    state.isEndless = false;
    await app.pollUntilIdle();
    expect(app.takeEvents().sort()).toEqual(["ONB project_completed", "ONB-1 completed", "ONB-2 completed"]);
  },
);

/** Reliability 23: projects + 1, pages with changes, at most 2 per changed item. */

async function createProjectsWithItems(
  projects: number,
  items: number,
  options: Parameters<typeof createTestApp>[0] = {},
) {
  const app = await createTestApp(options);
  const all = Array.from({ length: projects }, (_, i) => app.addProject(`Project ${i}`, `P${i}`));
  const createdItems = all.map((project) =>
    Array.from({ length: items }, (_, n) => app.plane.addItem(project, { name: `Item ${n}`, state: "Done" })),
  );
  app.advance(MINUTE);
  await app.runFirstPoll();
  return { app, plane: app.plane, projects: all, items: createdItems };
}

test("reliability 23: a tick without changes costs projects + 1 requests, also right after the baseline", async () => {
  const { app } = await createProjectsWithItems(3, 100);
  for (let tick = 0; tick < 5; tick += 1) {
    const requests = await app.recordRequests(() => app.poll());
    expect(requests).toEqual(["GET projects", "GET work-items", "GET work-items", "GET work-items"]);
    app.advance(5 * MINUTE);
  }
});

test("reliability 23: the baseline costs one page per 1,000 items", async () => {
  const app = await createTestApp();
  const project = app.addProject();
  for (let n = 0; n < 2_500; n += 1) app.plane.addItem(project, { name: `Item ${n}`, state: "Done" });
  app.advance(MINUTE);
  const requests = await app.recordRequests(() => app.runFirstPoll());
  const pages = ["GET work-items", "GET work-items", "GET work-items"];
  // Who belongs to the workspace and to the project is read once.
  expect(requests).toEqual(["GET projects", "GET members", "GET members", ...pages]);
});

test("reliability 23: relations of existing open items are read once each, after everything else", async () => {
  const app = await createTestApp();
  const project = app.addProject();
  for (let n = 0; n < 20; n += 1) app.plane.addItem(project, { name: `Item ${n}` });
  app.advance(MINUTE);
  const requests = await app.recordRequests(() => app.runFirstPoll());
  expect(requests.filter((request) => request.endsWith("relations"))).toHaveLength(20);
  expect(requests).toHaveLength(24);
  expect(await app.recordRequests(() => app.poll())).toHaveLength(2);
});

test("reliability 23: each changed item costs one read of its comments and one of its relations, however often the tick runs", async () => {
  const { app, plane, items } = await createProjectsWithItems(2, 30);
  const [first = [], second = []] = items;
  for (const item of [...first.slice(0, 7), ...second.slice(0, 3)])
    plane.editItem(item, { name: "Renamed", state: "Todo" });
  app.dropWebhooks();
  const requests = await app.recordRequests(async () => {
    await app.pollUntilIdle();
  });
  expect(requests.slice(0, 3)).toEqual(["GET projects", "GET work-items", "GET work-items"]);
  expect(requests.slice(3).sort()).toEqual([
    ...Array.from({ length: 10 }, () => "GET work-items/:id/comments"),
    ...Array.from({ length: 10 }, () => "GET work-items/:id/relations"),
  ]);
  expect(app.takeEvents()).toHaveLength(20);
  expect(await app.recordRequests(() => app.poll())).toHaveLength(3);
});

test("reliability 23: an item reported by webhooks costs the same requests at the next poll", async () => {
  const { app, plane, items } = await createProjectsWithItems(1, 5);
  const [other, item] = items[0] ?? [];
  if (!other || !item) throw new Error("no item");
  // The list of people is read only once.
  plane.editItem(other, { name: "Renamed" });
  await app.deliverWebhooks();
  await app.poll();
  expect(
    await app.recordRequests(async () => {
      plane.editItem(item, { state: "Todo" });
      await app.deliverWebhooks();
      plane.editItem(item, { state: "In Progress" });
      await app.deliverWebhooks();
      await app.runUntilIdle();
    }),
  ).toEqual([]);
  const requests = await app.recordRequests(() => app.poll());
  expect(requests.sort()).toEqual([
    "GET projects",
    "GET work-items",
    "GET work-items/:id/comments",
    "GET work-items/:id/relations",
  ]);
});

test("reliability 23: 100 deletions cost one list of ids, one read of each item and two of the project; more follow with a poll that is due at once", async () => {
  const { app, plane, items } = await createProjectsWithItems(1, 130);
  for (const item of items[0]?.slice(0, 110) ?? []) plane.deleteItem(item);
  let requestedPolls = 0;
  app.deps.requestPoll = () => {
    requestedPolls += 1;
  };
  const requests = await app.recordRequests(() => app.poll());
  const reads = requests.filter((request) => request === "GET work-items/:id");
  expect(reads).toHaveLength(100);
  expect(requests.filter((request) => request !== "GET work-items/:id").sort()).toEqual([
    "GET projects",
    ...["GET projects/:id", "GET projects/:id", "GET work-items", "GET work-items"],
  ]);
  expect([app.takeEvents().length, requestedPolls]).toEqual([100, 1]);
  await app.poll();
  expect([app.takeEvents().length, requestedPolls]).toEqual([10, 1]);
});

test("webhooks of a busy project that is not followed do not cost one read each", async () => {
  const app = await createTestApp({ projects: ["onb"] });
  const { plane } = app;
  const project = app.addProject();
  const busy = app.addProject("Busy", "BUSY");
  const item = plane.addItem(busy, { name: "Other people's" });
  app.advance(MINUTE);
  await app.runFirstPoll();
  const requests = await app.recordRequests(async () => {
    for (let i = 0; i < 40; i += 1) {
      app.advance(5_000);
      plane.editItem(item, { name: `Edit ${i}` });
      await app.deliverUntilIdle();
    }
  });
  expect(requests).toEqual(["GET projects"]);
  expect(app.takeEvents()).toEqual([]);
  plane.addItem(project, { name: "Ours" });
  await app.deliverUntilIdle();
  expect(app.takeEvents()).toEqual(["ONB-1 created"]);
});

/** Two stored items, and a store whose clock can be set independently of Plane's. */
async function createKnownItems() {
  let ahead = 0;
  const app = await createTestApp({ store: (clock) => createMemoryStore({ clock: () => clock() + ahead }) });
  const project = app.addProject();
  const item = app.plane.addItem(project, { name: "Guide", assignees: [app.human] });
  const other = app.plane.addItem(project, { name: "Other" });
  app.advance(MINUTE);
  await app.runFirstPoll();
  app.advance(30 * MINUTE);
  const set = (by: number) => {
    ahead += by;
  };
  return { app, plane: app.plane, item, other, set };
}

/** The poll comes by, a few minutes pass, and it comes by again. */
async function pollTwice(app: Awaited<ReturnType<typeof createTestApp>>) {
  for (let i = 0; i < 2; i += 1) {
    await app.poll();
    for (let minute = 0; minute < 5; minute += 1) {
      app.advance(MINUTE);
      await app.drain();
    }
  }
}

describe.each([
  ["an hour back", -HOUR],
  ["five seconds back", -5_000],
  ["an hour on", HOUR],
])("reliability 9: when the store's clock is set %s", (_, by) => {
  test("between two reads that see an unassignment, one unassignment event is created", async () => {
    const { app, plane, item, set } = await createKnownItems();
    plane.editItem(item, { assignees: [] });
    app.dropWebhooks();
    app.onNextWait(() => set(by));
    await pollTwice(app);
    expect(app.takeEvents()).toEqual(["ONB-1 unassigned ada"]);
    plane.editItem(item, { assignees: [app.human] });
    await app.poll();
    set(by);
    plane.editItem(item, { assignees: [] });
    app.dropWebhooks();
    await app.poll();
    expect(app.takeEvents(), "the next one").toEqual(["ONB-1 assigned ada", "ONB-1 unassigned ada"]);
  });

  test("between two reads that do not find an item, one removal event is created", async () => {
    const { app, plane, item, set } = await createKnownItems();
    plane.deleteItem(item);
    app.dropWebhooks();
    app.onNextWait(() => set(by));
    await pollTwice(app);
    expect(app.takeEvents()).toEqual(["ONB-1 removed"]);
  });

  test("between two reads of an item's relations, the second read counts", async () => {
    const { app, plane, item, other, set } = await createKnownItems();
    plane.relate(item, other);
    app.dropWebhooks();
    await app.poll();
    set(by);
    plane.unrelate(item, other);
    app.dropWebhooks();
    await pollTwice(app);
    expect(app.takeEvents()).toEqual(["ONB-1 blocked", "ONB-1 unblocked"]);
  });
});
