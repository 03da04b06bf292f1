import { expect, test } from "vitest";
import { createSession, createTicketsApp } from "./tickets-app.ts";

type App = Awaited<ReturnType<typeof createTicketsApp>>;

/** The key and the state of each ticket that people see. */
async function readStates(app: App): Promise<string[][]> {
  const paths = ["/api/pending-tickets", "/api/sessions", "/api/completed-tickets"];
  const [pending, active, completed] = await Promise.all(paths.map((path) => app.read(path)));
  const all = [...pending.tickets, ...active.sessions, ...completed.tickets, ...completed.updated];
  return all.map(({ id, state }: { id: string; state: string }) => [id, state]);
}

test("An approval of a ticket that changed since it was shown is refused, and asked again with the new text", async () => {
  const app = await createTicketsApp();
  const item = await app.requestTicket("Before");
  const [shown] = (await app.read("/api/pending-tickets")).tickets;
  app.plane.editItem(item, { name: "After" });
  app.dropWebhooks();
  const refused = await app.call("/api/approve/ONB-1", { hash: shown.hash });
  expect(refused).toMatchObject({ status: 409, json: { error: { code: "conflict" } } });
  expect((await app.exchange()).sessions).toEqual([]);
  const [changed] = (await app.read("/api/pending-tickets")).tickets;
  expect(changed).toMatchObject({ title: "After", state: "pending" });
  expect((await app.call("/api/approve/ONB-1", { hash: changed.hash })).status).toBe(200);
});

test("A cause that arrives during a run becomes pending after it", async () => {
  const app = await createTicketsApp();
  const item = await app.requestTicket();
  await app.call("/api/approve/ONB-1");
  await app.exchange();
  const comment = `And ${"really ".repeat(100)}this`;
  app.plane.addComment(item, `<p>${comment}</p>`, { by: app.human });
  await app.deliverUntilIdle();
  expect(await readStates(app)).toEqual([["ONB-1", "starting"]]);
  await app.complete("First");
  expect((await app.call("/api/update-plane/ONB-1")).json).toMatchObject({ status: "updated" });
  await app.deliverUntilIdle();
  expect((await app.read("/api/pending-tickets")).tickets).toMatchObject([
    { trigger_type: "comment", comment, run: 1 },
  ]);
  expect((await app.call("/api/update-plane/ONB-1")).json).toMatchObject({ status: "updated" });
  await app.call("/api/approve/ONB-1");
  expect((await app.exchange()).sessions).toMatchObject([{ ticket: "ONB-1", run: 2, resume: false }]);
});

test("Tickets are requested only for the projects, labels, states and people of the settings", async () => {
  const app = await createTicketsApp({ labels: ["Claude"], states: ["todo"], people: ["Ada"] });
  const label = app.plane.addLabel(app.onb, "claude");
  const patch = { labels: [label.id], assignees: [app.human.id] };
  await app.requestTicket("Right", patch);
  await app.requestTicket("No label", { assignees: [app.human.id] });
  await app.requestTicket("Nobody", { labels: [label.id] });
  await app.requestTicket("Started", { ...patch, state: "In Progress" });
  expect(await readStates(app)).toEqual([["ONB-1", "pending"]]);
});

test("A rule of the settings approves a ticket and its update", async () => {
  const app = await createTicketsApp({ approve: [{ projects: ["OPS"] }, { priorities: ["urgent"], update: true }] });
  const urgent = await app.requestTicket("Urgent", { priority: "urgent" });
  await app.requestTicket("Normal");
  expect(await readStates(app)).toEqual([
    ["ONB-2", "pending"],
    ["ONB-1", "approved"],
  ]);
  expect((await app.exchange()).sessions).toMatchObject([{ ticket: "ONB-1" }]);
  const completion = { summary: "By rule", source: "file" } as const;
  await app.exchange([createSession({ completion })]);
  await app.runUntilIdle();
  expect(app.readComments(urgent).join()).toContain("By rule");
  expect(await readStates(app)).toContainEqual(["ONB-1", "done"]);
});

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
  expect((await readStates(app)).map(([, state]) => state).sort()).toEqual(
    STATES.filter((state) => state !== "rejected").sort(),
  );
  return { app, items };
}

test.each([
  ["done", "Done"],
  ["assigned to somebody else", "Backlog"],
  ["deleted", undefined],
])(
  "A work item that is %s in Plane ends its ticket before it has a result, and nothing is written without an approval",
  async (change, state) => {
    const { app, items } = await createTicketInEachState();
    for (const item of items)
      if (change === "deleted") app.plane.deleteItem(item);
      else app.plane.editItem(item, change === "done" ? { state: "Done" } : { assignees: [app.getUser("Thot")] });
    await app.deliverWebhooks();
    await app.pollUntilIdle();
    await app.tick();
    expect((await readStates(app)).map(([, state]) => state).sort()).toEqual(["completed", "done", "updating"]);
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
