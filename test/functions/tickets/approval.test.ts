import { expect, test } from "vitest";
import type { PolicyReport } from "../../../shared/tickets/exchange.ts";
import { createSession, createTicketsApp } from "./tickets-app.ts";

/** The key and the state of each ticket that people see. */
async function readStates(app: Awaited<ReturnType<typeof createTicketsApp>>): Promise<string[][]> {
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
  await app.exchange([createSession({ completion: { summary: "By rule", source: "file" } })]);
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
  "A work item that is %s in Plane ends its ticket, and nothing is written without an approval",
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

const HOSTILE = "\u202e<script>alert(1)</script> $(id) `id`; --flag\u001b[31m @/etc/passwd /exit";
const CONTROLS = ["\u202e", "\u001b"];

test("reliability 18: hostile titles, screens, branches, commits and summaries reach sessions, people and Plane as text only", async () => {
  const app = await createTicketsApp();
  const item = await app.requestTicket(HOSTILE, {
    description_html: "<p>doctor</p><script>x</script><p>/clear ‮ $(id)</p>",
  });
  await app.call("/api/approve/ONB-1");
  const [desired] = (await app.exchange()).sessions;
  const { ticket_file = "", ...rest } = desired ?? {};
  expect(ticket_file).toContain("$(id)");
  for (const character of CONTROLS) expect(ticket_file).not.toContain(character);
  expect(JSON.stringify(rest)).not.toContain("$(id)");

  const commits = [{ id: "<img src=x>", subject: HOSTILE }];
  const hostile = { branch: HOSTILE, commits, screen: HOSTILE, attention: HOSTILE };
  await app.exchange([createSession(hostile)]);
  const text = JSON.stringify(await app.read("/api/sessions"));
  expect(text).toContain("$(id)");
  expect(text).not.toMatch(/\u202e|\\u001b/);

  const completion = { summary: `${HOSTILE} [x](javascript:alert(1))`, source: "file" } as const;
  await app.exchange([createSession({ ...hostile, completion })]);
  await app.call("/api/update-plane/ONB-1");
  const comment = app.readComments(item).at(-1) ?? "";
  expect(comment).toContain("$(id)");
  for (const part of ["<script", "<img", 'href="javascript', ...CONTROLS]) expect(comment).not.toContain(part);
});

test("reliability 18: a summary that is given with the approval of the update is cleaned as well, and not empty", async () => {
  const app = await createTicketsApp();
  const item = await app.requestTicket();
  await app.runSession();
  await app.complete("Of the session");
  for (const summary of ["", " \n", "\u200b\0"])
    expect((await app.call("/api/update-plane/ONB-1", { summary })).status).toBe(400);
  const answer = await app.call("/api/update-plane/ONB-1", { summary: `Line\0\n\n${HOSTILE}` });
  expect(answer.json).toMatchObject({ status: "updated" });
  const comment = app.readComments(item).at(-1) ?? "";
  expect(comment).toContain("$(id)");
  for (const part of ["<script", "\0", "Of the session", ...CONTROLS]) expect(comment).not.toContain(part);
  const [completed] = (await app.read("/api/completed-tickets")).updated;
  for (const part of ["\0", ...CONTROLS]) expect(completed.summary).not.toContain(part);
});

type Lines = Record<string, unknown>;

/** What a runner reports of ONB: lines of its own file on the base branch. */
function createReport(lines: Lines, more: Partial<PolicyReport> = {}): PolicyReport {
  return {
    ...{ project: "ONB", base: "main", commit: "a1b2c3d4e5f6a1b2c3d4e5f6a1b2c3d4e5f6a1b2", left_out: [] },
    lines: Object.entries(lines).map(([name, value]) => ({ name, value, from: ".groundcrew.json" })),
    ...more,
  };
}

/** Tickets of ONB, whose runner has read this policy on its base branch. */
async function createPolicyApp(lines: Lines, repository: object = {}) {
  const app = await createTicketsApp({ repositories: { ONB: { path: "/srv/onb", ...repository } } });
  const policies = [createReport(lines)];
  await app.exchange([], { policies });
  return Object.assign(app, {
    /** Approves ONB-1, and has the runner take it; returns the session that it is to have. */
    async start() {
      await app.requestTicket();
      await app.call("/api/approve/ONB-1");
      const [desired] = (await app.exchange([], { policies })).sessions;
      await app.exchange([createSession()]);
      return desired;
    },
    /** Reports what the session has cost, and lets time pass for the tick. */
    async spend(cost_usd: number) {
      const answer = await app.exchange([createSession({ cost_usd })]);
      await app.tick();
      return answer;
    },
  });
}

test("time and sessions at once are the smaller ones of the settings and the file", async () => {
  const app = await createPolicyApp({ minutes: 10, max_sessions: 1 }, { minutes: 20 });
  expect((await app.start())?.minutes).toBe(10);
  const { ends_at, started_at } = await app.readSession();
  expect(Date.parse(ends_at) - Date.parse(started_at)).toBe(600_000);
  await app.requestTicket("Another");
  await app.call("/api/approve/ONB-2");
  expect((await app.exchange([createSession()])).sessions.map(({ ticket }) => ticket)).toEqual(["ONB-1"]);
  await app.exchange([createSession()], { policies: [createReport({ max_sessions: 2, minutes: 60 })] });
  const both = (await app.exchange([createSession()])).sessions;
  expect(both.map(({ ticket, minutes }) => `${ticket} ${minutes}`)).toEqual(["ONB-1 20", "ONB-2 20"]);
});

test.each([
  ["none", { publish: "pull-request" }, { publish: "none" }, "updated"],
  ["its own", { publish: "push" }, { publish: "pull-request" }, "publishing"],
  ["nothing of the file alone", {}, { publish: "push" }, "updated"],
])("a result is published as the stricter one says: %s", async (_, repository, lines, status) => {
  const app = await createPolicyApp(lines, repository);
  await app.start();
  await app.complete();
  await app.exchange([createSession({ state: "ended" })]);
  expect((await app.call("/api/update-plane/ONB-1")).json).toMatchObject({ status });
});

test("a person is asked at four fifths of the budget, grants it again, and the session is stopped kindly when it is used up", async () => {
  const app = await createPolicyApp({ budget_usd: 5 }, { budget_usd: 9 });
  const { spend, readSession, readRequests } = app;
  await app.start();
  await spend(3.99);
  expect(await readRequests()).toEqual([]);
  await spend(4.1);
  await spend(4.2);
  expect(await readSession()).toMatchObject({ questions: [{ kind: "budget", text: "4.10 / 5.00 USD" }] });
  expect(await readRequests()).toMatchObject([{ kind: "question", answers: ["extend", "cancel"] }]);
  const before = (await readSession()).ends_at;
  expect((await app.decide("extend")).status).toBe(200);
  expect(await readSession()).toMatchObject({ state: "running", questions: [], ends_at: before });
  await spend(8.9);
  expect(await readRequests()).toEqual([]);
  await spend(9.5);
  expect(await readSession()).toMatchObject({ questions: [{ kind: "budget", text: "9.50 / 10.00 USD" }] });
  await spend(10);
  expect((await spend(10)).stop).toMatchObject([{ ticket: "ONB-1", how: "kindly", reason: "budget_over" }]);
  const over = { state: "waiting", reason: "budget_over", questions: [{ kind: "ended" }] };
  expect(await readSession()).toMatchObject(over);
});

test("the approval names what a session may do, that none would start, and that its runner has no box", async () => {
  const app = await createPolicyApp({ permission_mode: "acceptEdits", publish: "none", allow: "WebFetch" });
  await app.requestTicket();
  const findPart = async (part: string) =>
    (await app.readRequests()).at(-1).input.find(({ label }: { label: string }) => label === part)?.value;
  const policy = "permission_mode: acceptEdits (.groundcrew.json)\nallow: WebFetch (.groundcrew.json)";
  expect([await findPart("policy"), await findPart("box")]).toEqual([policy, undefined]);
  const missing = "sessions run without a box: bubblewrap (bwrap) is not installed";
  const warning = { name: "box", status: "warning" as const };
  const checks = ["OPS", "ONB"].map((one) => ({ ...warning, detail: `${one}: ${missing}` }));
  await app.exchange([], { checks, policies: [createReport({}, { problem: "The policy of ONB cannot be kept: x." })] });
  await app.requestTicket("Another");
  expect(JSON.stringify(await app.readRequests())).toContain("The policy of ONB cannot be kept: x.");
  expect(await findPart("box")).toBe(missing);
});

test("what is in force is shown with the place of each line, and what is not with the reason", async () => {
  const app = await createPolicyApp({ minutes: 10 }, { publish: "push" });
  await app.start();
  const left_out = [{ name: "allow", value: "Bash", from: ".groundcrew.json", why: "only the administrator" }];
  await app.exchange([createSession()], { policies: [createReport({ minutes: 10, model: "opus" }, { left_out })] });
  const policy = await app.read("/api/tickets/policies/onb");
  expect(policy).toMatchObject({ project: "ONB", base: "main", commit: "a1b2c3d4e5f6", runner: "vps", left_out });
  for (const line of [
    { name: "minutes", value: 10, from: ".groundcrew.json" },
    { name: "publish", value: "push", from: "tickets.repositories.ONB.publish" },
    { name: "max_sessions", value: 5, from: "tickets.max_sessions" },
    { name: "plan_first", value: false, from: "default" },
    { name: "model", value: "opus", from: ".groundcrew.json" },
  ])
    expect(policy.lines).toContainEqual(line);
});
