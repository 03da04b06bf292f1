import { expect, test } from "vitest";
import type { Item } from "../../../simulators/plane/types.ts";
import { createSession, createTicketsApp } from "./tickets-app.ts";

type App = Awaited<ReturnType<typeof createTicketsApp>>;

/** The states of ONB-1, ONB-2, … */
const STATES = ["pending", "starting", "running", "waiting", "completed", "updating", "done", "rejected", "approved"];
const toKey = (state: string) => `ONB-${STATES.indexOf(state) + 1}`;
const RUNNING = ["running", "waiting", "completed", "updating", "done"].map((state) =>
  createSession({ ticket: toKey(state) }),
);

/** Brings a ticket into each state. The tickets are Ada's. */
async function createTicketInEachState() {
  const app = await createTicketsApp({ people: ["Ada"], max_sessions: 10 });
  const items = STATES.map((name) => app.addTask(name, [], { assignees: [app.human.id] }));
  await app.deliverUntilIdle();
  const started = STATES.filter((state) => !["pending", "rejected", "approved"].includes(state));
  for (const state of started) await app.call(`/api/approve/${toKey(state)}`);
  const { sessions } = await app.exchange();
  await app.exchange(RUNNING);
  const token = sessions.find(({ ticket }) => ticket === toKey("waiting"))?.token ?? "";
  await app.hook(token, { hook_event_name: "Stop", last_assistant_message: "Which colour?" }, toKey("waiting"));
  for (const state of ["completed", "updating", "done"])
    await app.call(`/api/sessions/${toKey(state)}/complete`, { summary: `Summary of ${state}` });
  const path = `/${items[STATES.indexOf("updating")]?.id}/comments/`;
  app.plane.faults.add({ method: "POST", path }, { kind: "status", status: 400 });
  for (const state of ["updating", "done"]) await app.call(`/api/update-plane/${toKey(state)}`);
  await app.call(`/api/reject/${toKey("rejected")}`);
  await app.call(`/api/approve/${toKey("approved")}`);
  await app.deliverUntilIdle();
  expect(await readStates(app)).toEqual(STATES.filter((state) => state !== "rejected").sort());
  return { app, items };
}

async function readStates(app: App): Promise<string[]> {
  const paths = ["/api/pending-tickets", "/api/completed-tickets"];
  const [active, ...rest] = await Promise.all(["/api/sessions", ...paths].map((path) => app.read(path)));
  return [...active.sessions, ...rest.flatMap(({ tickets, updated = [] }) => [...tickets, ...updated])]
    .map(({ state }) => state)
    .sort();
}

const setState = (group: string) => (app: App, item: Item) => {
  app.plane.editItem(item, { state: app.plane.states(item.project).find((state) => state.group === group)?.id ?? "" });
};

test.each([
  ["done", setState("completed"), "Done"],
  [
    "assigned to somebody else",
    (app: App, item: Item) => app.plane.editItem(item, { assignees: [app.getUser("Thot").id] }),
    "Backlog",
  ],
  ["deleted", (app: App, item: Item) => app.plane.deleteItem(item), undefined],
] as const)(
  "A work item that is %s in Plane ends its ticket before it has a result, and nothing is written without an approval",
  async (_, change, state) => {
    const { app, items } = await createTicketInEachState();
    for (const item of items) change(app, item);
    await app.deliverWebhooks();
    await app.pollUntilIdle();
    await app.tick();
    expect(await readStates(app)).toEqual(["completed", "done", "updating"]);
    const { sessions, stop } = await app.exchange(RUNNING);
    expect(sessions).toEqual([]);
    for (const ended of ["running", "waiting"])
      expect(stop).toContainEqual({ ticket: toKey(ended), run: 1, how: "kindly", reason: "closed_in_plane" });
    expect((await app.call(`/api/approve/${toKey("pending")}`)).status).toBe(409);
    const [, , , , completed] = items;
    if (!completed) throw new Error("no item");
    if (state === undefined) {
      const problem = expect.stringContaining(`${toKey("completed")} was removed in Plane.`);
      const failed = { status: "failed_comment", comment_posted: false, problem };
      expect((await app.call(`/api/update-plane/${toKey("completed")}`)).json).toMatchObject(failed);
      expect((await app.call(`/api/sessions/${toKey("completed")}/cancel`)).json.state).toBe("cancelled");
      return;
    }
    expect(app.readComments(completed).join()).not.toContain("Summary of");
    expect(app.readPlaneItem(completed).state).toBe(state);
    // A person may still want the result in Plane; what people did with the work item stays.
    const result = { status: "updated", comment_posted: true, state_updated: true };
    expect((await app.call(`/api/update-plane/${toKey("completed")}`)).json).toMatchObject(result);
    expect(app.readPlaneItem(completed).state).toBe(state === "Backlog" ? "Done" : state);
  },
);
