import { describe, expect, test } from "vitest";
import { observedKeys } from "../../../shared/records/store-keys.ts";
import { MINUTE } from "../../../shared/time.ts";
import type { Item, PlaneVersion } from "../../../simulators/plane/types.ts";
import { createAgentTestApp } from "../../support/agent-test-app.ts";

/** Tour waits for Guide, and Fair for Tour; they are assigned to Imhotep and Thot. */
async function createTaskChain(version: PlaneVersion = "1.3.1") {
  const app = await createAgentTestApp({ version });
  const { plane } = app;
  // Tasks that existed before the first poll would be left alone.
  await app.runFirstPoll();
  const waiting = (name: string, agent: string, blocker: Item) => {
    const line = version === "1.2.2" ? `<p>Blocked by: ${app.toTaskKey(blocker)}</p>` : "<p></p>";
    const item = app.addTask(name, agent, { description_html: line });
    if (version !== "1.2.2") plane.relate(item, blocker);
    return item;
  };
  const guide = app.addTask("Guide", "Imhotep");
  const tour = waiting("Tour", "Thot", guide);
  const fair = waiting("Fair", "Imhotep", tour);
  app.advance(MINUTE);
  app.dropWebhooks();
  await app.poll();
  await app.runUntilIdle();
  app.takeEvents();
  const pollAndSettle = async () => {
    app.advance(1_000);
    await app.poll();
    await app.runUntilIdle();
  };
  // The agents' labels are not part of this test.
  const labels = (item: Item) => app.readPlaneItem(item).labels.filter((name) => !name.startsWith("agent:"));
  const states = () => [guide, tour, fair].map((item) => app.readPlaneItem(item).state);
  return { app, plane, guide, tour, fair, pollAndSettle, states, labels, waiting };
}

describe.each(["1.3.1", "1.2.2"] as const)("OPENCLAW-14 on Plane %s", (version) => {
  test("a cancelled blocker blocks its dependants transitively, each with one comment and one notification", async () => {
    const { app, plane, guide, tour, fair, pollAndSettle, states, labels } = await createTaskChain(version);
    plane.editItem(guide, { state: "Cancelled" });
    await pollAndSettle();
    expect(states()).toEqual(["Cancelled", "Backlog", "Backlog"]);
    expect([tour, fair].map(labels)).toEqual([["blocked"], ["blocked"]]);
    expect(app.readComments(tour)).toEqual([
      "Ada: <p>Blocked by a dependency: this task depends on <strong>ONB-1</strong> Guide, which was cancelled. It returns to todo when that task is reopened or the dependency is removed. If you move it out of Blocked yourself, Groundcrew leaves it there.</p>",
    ]);
    expect(app.readComments(fair)[0]).toContain("<strong>ONB-2</strong> Tour, which is itself blocked");
    const block = app.actions.flatMap(({ event, facts }) =>
      event.kind === "stuck" ? [[facts.item?.key, event.blocker, event.why]] : [],
    );
    expect(block).toEqual([
      ["ONB-2", "ONB-1", "cancelled"],
      ["ONB-3", "ONB-2", "blocked"],
    ]);
    expect(app.takeEvents()).not.toContain("ONB-2 unblocked");
    await pollAndSettle();
    await pollAndSettle();
    expect(app.readComments(tour)).toHaveLength(1);
    expect(app.readComments(fair)).toHaveLength(1);
    expect(app.takeEvents()).toEqual([]);
  });

  test("a removed dependency or a deleted blocker releases the task", async () => {
    const { plane, guide, tour, pollAndSettle, states, labels } = await createTaskChain(version);
    plane.editItem(guide, { state: "Cancelled" });
    await pollAndSettle();
    if (version === "1.2.2") plane.editItem(tour, { description_html: "<p></p>" });
    else plane.unrelate(tour, guide);
    await pollAndSettle();
    expect(labels(tour)).toEqual([]);
    expect(states()).toEqual(["Cancelled", "Backlog", "Backlog"]);
  });
});

test("OPENCLAW-14 the project's Blocked state is used if there is one, and left for todo on release", async () => {
  const { app, plane, guide, pollAndSettle, states } = await createTaskChain();
  plane.addState(app.onb, { name: "Blocked", group: "started" });
  plane.editItem(guide, { state: "Cancelled" });
  await pollAndSettle();
  expect(states()).toEqual(["Cancelled", "Blocked", "Blocked"]);
  plane.editItem(guide, { state: "In Progress" });
  await pollAndSettle();
  expect(states()).toEqual(["In Progress", "Todo", "Todo"]);
});

test("OPENCLAW-14 a blocked blocker blocks its dependants; when it continues they return to todo with a notification", async () => {
  const { app, plane, guide, tour, fair, pollAndSettle, states, labels, waiting } = await createTaskChain();
  const label = plane.addLabel(app.onb, "Blocked");
  const byPerson = waiting("Map", "Thot", guide);
  plane.editItem(byPerson, { labels: [label] });
  plane.editItem(guide, { labels: [label] });
  await pollAndSettle();
  expect(app.readComments(tour)[0]).toContain("Guide, which is itself blocked");
  app.takeEvents();
  plane.editItem(guide, { labels: [], state: "Done" });
  await pollAndSettle();
  expect(states()).toEqual(["Done", "Backlog", "Backlog"]);
  expect([tour, fair, byPerson].map(labels)).toEqual([[], [], ["Blocked"]]);
  expect(app.readComments(byPerson), "what a person has blocked stays theirs").toEqual([]);
  expect(app.readComments(tour)).toContain("Ada: <p>No longer blocked by <strong>ONB-1</strong> Guide (done).</p>");
  expect(app.readComments(fair)).toContain("Ada: <p>No longer blocked by <strong>ONB-2</strong> Tour.</p>");
  expect(app.takeEvents()).toEqual(["ONB-1 completed", "ONB-2 unblocked"]);
  expect(await app.store.count("dependency-blocks")).toBe(0);
});

test("OPENCLAW-14 a task moved out of Blocked by hand stays unblocked until another blocker is cancelled or blocked", async () => {
  const { app, plane, guide, tour, pollAndSettle, states, waiting } = await createTaskChain();
  plane.addState(app.onb, { name: "Blocked", group: "started" });
  plane.editItem(guide, { state: "Cancelled" });
  await pollAndSettle();
  plane.editItem(tour, { state: "In Progress" });
  await pollAndSettle();
  await pollAndSettle();
  expect(states()).toEqual(["Cancelled", "In Progress", "Todo"]);
  expect(app.readComments(tour)).toHaveLength(1);
  const other = waiting("Map", "Thot", tour);
  plane.editItem(other, { state: "Cancelled" });
  plane.relate(tour, other);
  await pollAndSettle();
  expect(states()[1]).toBe("Blocked");
  expect(app.readComments(tour).join()).toContain("Map, which was cancelled");
  plane.editItem(tour, { state: "In Progress" });
  await pollAndSettle();
  for (const blocker of [guide, other]) plane.editItem(blocker, { state: "Done" });
  await pollAndSettle();
  expect(app.readComments(tour).join()).not.toContain("No longer blocked");
});

test("OPENCLAW-14 blocking that is killed after any step continues, with one comment and one event", async () => {
  for (const step of ["PATCH", "comments", "announced"]) {
    const { app, plane, guide, tour, pollAndSettle, labels } = await createTaskChain();
    plane.editItem(guide, { state: "Cancelled" });
    const { store } = app;
    const commit = store.commit;
    let failing = true;
    const lifted = plane.faults.add(
      step === "PATCH" ? { method: "PATCH", path: tour.id } : { method: "POST", path: `${tour.id}/comments` },
      { kind: "status", status: 400, body: `{"error":"No."}` },
    );
    if (step === "announced") {
      lifted();
      store.commit = async (asked) => {
        const isReported = asked.put?.some(
          ({ key, value }) => key === observedKeys.dependencyBlock(tour.id) && isStuck(value),
        );
        if (isReported && failing) throw new Error("The store is down.");
        return commit(asked);
      };
    }
    app.advance(1_000);
    await app.poll();
    expect(app.takeEvents()).not.toContain("ONB-2 stuck");
    failing = false;
    lifted();
    await pollAndSettle();
    expect(labels(tour)).toEqual(["blocked"]);
    expect(app.readComments(tour)).toHaveLength(1);
    expect(
      app.actions.filter(({ event, facts }) => event.kind === "stuck" && facts.item?.key === "ONB-2"),
    ).toHaveLength(1);
  }
});

const isStuck = (value: unknown) =>
  typeof value === "object" && value !== null && Reflect.get(value, "phase") === "blocked";
