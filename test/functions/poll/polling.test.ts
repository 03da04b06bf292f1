import { expect, test } from "vitest";
import { createMemoryStore } from "../../../runtime/stores/sqlite-store.ts";
import { HOUR, MINUTE } from "../../../shared/time.ts";
import type { ItemPatch } from "../../../simulators/plane/types.ts";
import { callPlane } from "../../support/plane-api.ts";
import { createTestApp, type TestAppOptions } from "../../support/test-app.ts";

const FULL = process.env["FULL"] === "1";

test("reliability 3: when all webhooks are lost, the next tick finds every net change and deletion, up to 100 items", async () => {
  const app = await createTestApp();
  const { plane } = app;
  const thot = app.addPerson("Thot");
  const projects = [app.addProject(), app.addProject("Second", "SEC")] as const;
  const count = FULL ? 60 : 12;
  const items = projects.flatMap((project) =>
    Array.from({ length: count }, (_, n) => plane.addItem(project, { name: `Item ${n}`, assignees: [thot] })),
  );
  await app.runFirstPoll(MINUTE);
  app.advance(30 * MINUTE);

  const wanted: string[] = [];
  for (const [at, item] of items.entries()) {
    const key = at < count ? `ONB-${at + 1}` : `SEC-${at - count + 1}`;
    const edits: [change: string | ItemPatch[], ...events: string[]][] = [
      [[{ state: "In Progress" }, { state: "Done" }], "completed"],
      [[{ assignees: [] }], "unassigned thot"],
      [[{ assignees: [app.human, thot] }, { assignees: [app.human] }], "assigned ada", "unassigned thot"],
      ["delete", "removed"],
      // The other name came and went between two ticks.
      ["comment", 'comment_added "Words"'],
      [[]],
    ];
    const [change, ...events] = edits[at % edits.length] ?? [[]];
    if (change === "delete") plane.deleteItem(item);
    if (change === "comment") plane.addComment(item, "<p>Words</p>");
    const patches = change === "comment" ? [{ name: "Other" }, { name: item.name }] : change;
    if (typeof patches !== "string") for (const patch of patches) plane.editItem(item, patch);
    wanted.push(...events.map((event) => `${key} ${event}`));
    app.advance(1_000);
  }
  plane.addItem(projects[1], { name: "Made meanwhile", assignees: [thot] });
  wanted.push(`SEC-${count + 1} created`, `SEC-${count + 1} assigned thot`);
  await app.poll();
  expect(app.takeEvents().sort()).toEqual(wanted.sort());
  await app.pollUntilIdle();
  expect(app.takeEvents()).toEqual([]);
});

/** Observed projects with done items. */
async function createProjectsWithItems(projects: number, items: number, options: TestAppOptions = {}) {
  const app = await createTestApp(options);
  const all = Array.from({ length: projects }, (_, i) => app.addProject(`Project ${i}`, `P${i}`));
  const createdItems = all.map((project) =>
    Array.from({ length: items }, (_, n) => app.plane.addItem(project, { name: `Item ${n}`, state: "Done" })),
  );
  app.advance(MINUTE);
  const requests = await app.recordRequests(() => app.runFirstPoll());
  return { app, plane: app.plane, items: createdItems, requests };
}

test("changes that one poll finds are reported in the order in which people made them, not in the list's", async () => {
  const { app, plane, items } = await createProjectsWithItems(1, 3);
  for (const item of items.flat()) {
    app.advance(1_000);
    plane.editItem(item, { name: "Renamed" });
  }
  app.dropWebhooks();
  await app.poll();
  expect(app.takeEvents()).toEqual(["P0-1 renamed", "P0-2 renamed", "P0-3 renamed"]);
});

const DETAILS = ["GET work-items/:id/comments", "GET work-items/:id/relations"];

test("reliability 23: the baseline costs one page per 1,000 items and one read of each open item's relations", async () => {
  const fetchSmallPages: typeof fetch = (input, init) =>
    fetch(String(input).replace("per_page=1000", "per_page=10"), init);
  const { app, requests } = await createProjectsWithItems(1, 25, { fetch: fetchSmallPages });
  const pages = ["GET work-items", "GET work-items", "GET work-items"];
  // Who belongs to the workspace and to the project is read once.
  expect(requests).toEqual(["GET projects", "GET members", "GET members", ...pages]);
  const urls = app.plane.ledger.requests.map(({ path }) => path);
  expect(urls.filter((url) => url.includes("per_page=10"))).toHaveLength(3);

  const open = await createTestApp();
  const project = open.addProject();
  for (let n = 0; n < 5; n += 1) open.plane.addItem(project, { name: `Item ${n}` });
  open.advance(MINUTE);
  const reads = await open.recordRequests(() => open.runFirstPoll());
  expect(reads.slice(-5)).toEqual(Array(5).fill("GET work-items/:id/relations"));
  expect(reads).toHaveLength(9);
  expect(await open.recordRequests(() => open.poll())).toHaveLength(2);
});

test("reliability 23: a tick costs projects + 1 requests, and two reads of each changed item, however often it runs and whether or not a webhook came", async () => {
  const { app, plane, items } = await createProjectsWithItems(2, 10);
  const lists = ["GET projects", "GET work-items", "GET work-items"];
  for (let tick = 0; tick < 3; tick += 1) {
    expect(await app.recordRequests(() => app.poll())).toEqual(lists);
    app.advance(5 * MINUTE);
  }
  const [first = [], second = []] = items;
  for (const item of [...first.slice(0, 3), ...second.slice(0, 2)])
    plane.editItem(item, { name: "Renamed", state: "Todo" });
  app.dropWebhooks();
  const requests = await app.recordRequests(() => app.pollUntilIdle());
  expect(requests.slice(0, 3)).toEqual(lists);
  expect(requests.slice(3).sort()).toEqual(DETAILS.flatMap((detail) => Array(5).fill(detail)));
  expect(app.takeEvents()).toHaveLength(10);
  expect(await app.recordRequests(() => app.poll())).toHaveLength(3);

  const [item] = first;
  const told = await app.recordRequests(async () => {
    for (const state of ["In Progress", "Todo"]) {
      plane.editItem(item ?? "", { state });
      await app.deliverWebhooks();
    }
    await app.runUntilIdle();
  });
  expect(told).toEqual([]);
  expect((await app.recordRequests(() => app.poll())).sort()).toEqual([...lists, ...DETAILS]);
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
  const item = plane.addItem(app.addProject("Busy", "BUSY"), { name: "Other people's" });
  await app.runFirstPoll(MINUTE);
  const requests = await app.recordRequests(async () => {
    for (let i = 0; i < 20; i += 1) {
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

test.each([
  ["an hour back", -HOUR],
  ["five seconds back", -5_000],
  ["an hour on", HOUR],
])("reliability 9: with the store's clock set %s between two reads, each change counts once", async (_, by) => {
  let ahead = 0;
  const app = await createTestApp({ store: (clock) => createMemoryStore({ clock: () => clock() + ahead }) });
  const { plane } = app;
  const project = app.addProject();
  const item = plane.addItem(project, { name: "Guide", assignees: [app.human] });
  const other = plane.addItem(project, { name: "Other" });
  await app.runFirstPoll(MINUTE);
  app.advance(30 * MINUTE);
  const setClock = () => {
    ahead += by;
  };
  /** The poll comes by, a few minutes pass, and it comes by again. */
  async function pollTwice() {
    app.dropWebhooks();
    for (let i = 0; i < 2; i += 1) {
      await app.poll();
      for (let minute = 0; minute < 5; minute += 1) {
        app.advance(MINUTE);
        await app.drain();
      }
    }
    return app.takeEvents();
  }
  plane.relate(item, other);
  await app.poll();
  setClock();
  plane.unrelate(item, other);
  expect(await pollTwice()).toEqual(["ONB-1 blocked", "ONB-1 unblocked"]);
  plane.editItem(item, { assignees: [] });
  app.onNextWait(setClock);
  expect(await pollTwice()).toEqual(["ONB-1 unassigned ada"]);
  plane.editItem(item, { assignees: [app.human] });
  await app.poll();
  setClock();
  plane.editItem(item, { assignees: [] });
  await app.poll();
  expect(app.takeEvents(), "the next one").toEqual(["ONB-1 assigned ada", "ONB-1 unassigned ada"]);
  plane.deleteItem(item);
  app.onNextWait(setClock);
  expect(await pollTwice()).toEqual(["ONB-1 removed"]);
});

async function createTwoProjects() {
  const app = await createTestApp();
  const { plane } = app;
  const project = app.addProject();
  const other = app.addProject("Second", "SEC");
  const item = plane.addItem(project, { name: "Guide" });
  const blocker = plane.addItem(other, { name: "First" });
  plane.relate(item, blocker);
  await app.runFirstPoll(MINUTE);
  return { app, plane, project, other, item, blocker };
}

test("a deleted project causes one event, its items none, and other projects are still observed", async () => {
  const { app, plane, other, item } = await createTwoProjects();
  plane.deleteProject(other);
  await app.deliverWebhooks();
  for (let i = 0; i < 3; i += 1) {
    await app.pollUntilIdle();
    app.advance(5 * MINUTE);
  }
  plane.editItem(item, { name: "Manual" });
  await app.poll();
  expect(app.takeEvents()).toEqual(["SEC project_deleted", "ONB-1 renamed"]);
});

test("a project that the key cannot read causes no events; once it is readable again, the changes do", async () => {
  const { app, plane, other, item, blocker } = await createTwoProjects();
  const body = '{"detail":"You do not have permission to perform this action."}';
  // The list of projects still has the row; its items are refused. A webhook asks for a read in the meantime.
  const undo = plane.faults.add({ path: `projects/${other.id}/` }, { kind: "status", status: 403, body });
  plane.editItem(blocker, { name: "Renamed", assignees: [app.human] });
  plane.editItem(item, { name: "Manual" });
  await app.poll();
  expect(app.takeEvents()).toEqual(["ONB-1 renamed"]);
  undo();
  await app.pollUntilIdle();
  expect(app.takeEvents()).toEqual(["SEC-1 assigned ada", "SEC-1 renamed"]);
});

test("another workspace with the same store starts with a baseline: its existing items cause no notifications", async () => {
  const { app, plane } = await createTwoProjects();
  app.advance(60 * MINUTE);
  const other = plane.addWorkspace({ slug: "other", owner: app.human });
  const api = (path: string, json: object) => callPlane(plane.url, app.apiKey, "POST", `/other/${path}`, json);
  const project = await api("projects/", { name: "Theirs", identifier: "THE" });
  await api(`projects/${project.id}/work-items/`, { name: "Old" });
  if (app.settings.plane) app.settings.plane.workspace = other.slug;
  await app.restart();
  app.advance(MINUTE);
  await app.pollUntilIdle();
  expect(app.takeEvents()).toEqual([]);
  await api(`projects/${project.id}/work-items/`, { name: "New" });
  await app.poll();
  expect(app.takeEvents()).toEqual(["THE-2 created"]);
});

test("a project is completed once when its last open item is closed, and again after new work", async () => {
  const { app, plane, project, item } = await createTwoProjects();
  const next = plane.addItem(project, { name: "Next" });
  await app.poll();
  plane.editItem(item, { state: "Done" });
  await app.poll();
  plane.editItem(next, { state: "Cancelled" });
  await app.poll();
  expect(app.takeEvents()).toEqual(["ONB-2 created", "ONB-1 completed", "ONB-2 cancelled", "ONB project_completed"]);
  plane.editItem(item, { description_html: "<p>Still done</p>" });
  await app.poll();
  const more = plane.addItem(project, { name: "More" });
  await app.poll();
  plane.deleteItem(more);
  await app.poll();
  expect(app.takeEvents()).toEqual(["ONB-3 created", "ONB-3 removed", "ONB project_completed"]);
});
