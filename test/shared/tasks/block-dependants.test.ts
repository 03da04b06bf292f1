import { describe, expect, test } from "vitest";
import { MINUTE } from "../../../shared/time.ts";
import type { Item, PlaneVersion } from "../../../simulators/plane/types.ts";
import { createAgentTestApp } from "../../support/agent-test-app.ts";

/** Tour waits for Guide, and Fair for Tour; they are assigned to Imhotep and Thot. */
async function createTaskChain(version: PlaneVersion = "1.3.1") {
  const app = await createAgentTestApp({ version });
  const { plane } = app;
  // Tasks that existed before the first poll would be left alone.
  await app.runFirstPoll();
  const addWaiting = (name: string, agent: string, blocker: Item) => {
    const line = version === "1.2.2" ? `<p>Blocked by: ${app.toTaskKey(blocker)}</p>` : "<p></p>";
    const item = app.addTask(name, agent, { description_html: line });
    if (version !== "1.2.2") plane.relate(item, blocker);
    return item;
  };
  const guide = app.addTask("Guide", "Imhotep");
  const tour = addWaiting("Tour", "Thot", guide);
  const fair = addWaiting("Fair", "Imhotep", tour);
  const settle = async () => {
    app.advance(1_000);
    await app.pollUntilIdle();
  };
  app.advance(MINUTE);
  app.dropWebhooks();
  await settle();
  app.takeEvents();
  return {
    ...{ app, plane, guide, tour, fair, settle, addWaiting },
    edit: async (item: Item, change: Parameters<typeof plane.editItem>[1]) => {
      plane.editItem(item, change);
      await settle();
    },
    /** Without the agents' labels. */
    readLabels: (item: Item) => app.readPlaneItem(item).labels.filter((name) => !name.startsWith("agent:")),
    readStates: () => [guide, tour, fair].map((item) => app.readPlaneItem(item).state),
    getBlocks: () =>
      app.actions.flatMap(({ event, facts }) =>
        event.kind === "stuck" ? [[facts.item?.key, event.blocker, event.why].join(" ")] : [],
      ),
  };
}

describe.each(["1.3.1", "1.2.2"] as const)("OPENCLAW-14 on Plane %s", (version) => {
  test("a cancelled blocker blocks its dependants transitively, each with one comment and one notification, until the dependency is removed", async () => {
    const { app, plane, guide, tour, fair, settle, edit, readStates, readLabels, getBlocks } =
      await createTaskChain(version);
    await edit(guide, { state: "Cancelled" });
    expect(readStates()).toEqual(["Cancelled", "Backlog", "Backlog"]);
    expect([tour, fair].map(readLabels)).toEqual([["blocked"], ["blocked"]]);
    expect(app.readComments(tour)).toEqual([
      "Ada: <p>Blocked by a dependency: this task depends on <strong>ONB-1</strong> Guide, which was cancelled. It returns to todo when that task is reopened or the dependency is removed. If you move it out of Blocked yourself, Groundcrew leaves it there.</p>",
    ]);
    expect(app.readComments(fair)[0]).toContain("<strong>ONB-2</strong> Tour, which is itself blocked");
    expect(app.takeEvents()).not.toContain("ONB-2 unblocked");
    for (let polls = 0; polls < 2; polls += 1) await settle();
    expect([tour, fair].map((item) => app.readComments(item).length)).toEqual([1, 1]);
    expect(getBlocks()).toEqual(["ONB-2 ONB-1 cancelled", "ONB-3 ONB-2 blocked"]);
    expect(app.takeEvents()).toEqual([]);
    if (version === "1.2.2") plane.editItem(tour, { description_html: "<p></p>" });
    else plane.unrelate(tour, guide);
    await settle();
    expect([readLabels(tour), readStates()]).toEqual([[], ["Cancelled", "Backlog", "Backlog"]]);
  });
});

test("OPENCLAW-14 a blocked blocker blocks its dependants; when it continues they return to todo with a notification", async () => {
  const { app, plane, guide, tour, fair, edit, readStates, readLabels, addWaiting } = await createTaskChain();
  const label = plane.addLabel(app.onb, "Blocked");
  const byPerson = addWaiting("Map", "Thot", guide);
  plane.editItem(byPerson, { labels: [label] });
  await edit(guide, { labels: [label] });
  expect(app.readComments(tour)[0]).toContain("Guide, which is itself blocked");
  app.takeEvents();
  await edit(guide, { labels: [], state: "Done" });
  expect(readStates()).toEqual(["Done", "Backlog", "Backlog"]);
  expect([tour, fair, byPerson].map(readLabels)).toEqual([[], [], ["Blocked"]]);
  expect(app.readComments(byPerson), "what a person has blocked stays theirs").toEqual([]);
  expect(app.readComments(tour)).toContain("Ada: <p>No longer blocked by <strong>ONB-1</strong> Guide (done).</p>");
  expect(app.readComments(fair)).toContain("Ada: <p>No longer blocked by <strong>ONB-2</strong> Tour.</p>");
  expect(app.takeEvents()).toEqual(["ONB-1 completed", "ONB-2 unblocked"]);
});

test("OPENCLAW-14 the project's Blocked state is used, and a task moved out of it by hand stays so until another blocker is cancelled", async () => {
  const { app, plane, guide, tour, settle, edit, readStates, addWaiting } = await createTaskChain();
  plane.addState(app.onb, { name: "Blocked", group: "started" });
  await edit(guide, { state: "Cancelled" });
  expect(readStates()).toEqual(["Cancelled", "Blocked", "Blocked"]);
  await edit(tour, { state: "In Progress" });
  await settle();
  expect(readStates()).toEqual(["Cancelled", "In Progress", "Todo"]);
  expect(app.readComments(tour)).toHaveLength(1);
  const other = addWaiting("Map", "Thot", tour);
  plane.relate(tour, other);
  await edit(other, { state: "Cancelled" });
  expect(readStates()[1]).toBe("Blocked");
  expect(app.readComments(tour).join()).toContain("Map, which was cancelled");
  await edit(tour, { state: "In Progress" });
  for (const blocker of [guide, other]) plane.editItem(blocker, { state: "Done" });
  await settle();
  expect(app.readComments(tour).join()).not.toContain("No longer blocked");
});

test.each(["PATCH", "POST"])("OPENCLAW-14 blocking that ends before the step %s continues, once", async (method) => {
  const { app, plane, guide, tour, settle, readLabels, getBlocks } = await createTaskChain();
  plane.editItem(guide, { state: "Cancelled" });
  const path = method === "PATCH" ? tour.id : `${tour.id}/comments`;
  const resume = plane.faults.add({ method, path }, { kind: "status", status: 400, body: `{"error":"No."}` });
  app.advance(1_000);
  await app.poll();
  expect(getBlocks()).not.toContain("ONB-2 ONB-1 cancelled");
  resume();
  await settle();
  expect([readLabels(tour), app.readComments(tour).length]).toEqual([["blocked"], 1]);
  expect(getBlocks().filter((block) => block.startsWith("ONB-2"))).toHaveLength(1);
});

test("a dependency cycle made in Plane is reported once with its path, and again when it reappears", async () => {
  const app = await createAgentTestApp();
  const [guide = "", tour = "", fair = ""] = ["Guide", "Tour", "Fair"].map((name) => app.addTask(name));
  await app.runFirstPoll(60_000);
  const readCycles = async () => {
    const before = app.actions.length;
    for (let polls = 0; polls < 3; polls += 1) {
      app.advance(1_000);
      await app.pollUntilIdle();
    }
    return app.actions.slice(before).flatMap(({ event }) => (event.kind === "circle" ? [event.path.join(" ")] : []));
  };
  app.plane.relate(tour, guide);
  app.plane.relate(fair, tour);
  expect(await readCycles()).toEqual([]);
  for (let times = 0; times < 2; times += 1) {
    app.plane.relate(guide, fair);
    expect(await readCycles()).toEqual(["ONB-1 ONB-3 ONB-2 ONB-1"]);
    app.plane.unrelate(guide, fair);
    expect(await readCycles()).toEqual([]);
  }
});
