import { expect, test } from "vitest";
import { HTTP_ADMIN_TOKEN, toBridgeToken } from "../../support/http-test-app.ts";
import { createSession, createTicketsApp, RUNNER_TOKEN } from "./tickets-app.ts";

async function getStates(app: Awaited<ReturnType<typeof createTicketsApp>>): Promise<string[]> {
  const [pending, active, completed] = await Promise.all([
    app.read("/api/pending-tickets"),
    app.read("/api/sessions"),
    app.read("/api/completed-tickets"),
  ]);
  return [...pending.tickets, ...active.sessions, ...completed.tickets, ...completed.updated].map(
    ({ id, state }: { id: string; state: string }) => `${id} ${state}`,
  );
}

test("Approving a ticket in two browsers at once starts one session", async () => {
  const app = await createTicketsApp();
  await app.requestTicket();
  const answers = await Promise.all(Array.from({ length: 5 }, () => app.call("/api/approve/onb-1")));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  expect(new Set(answers.map(({ json }) => JSON.stringify(json))).size).toBe(1);
  expect((await app.exchange()).sessions).toHaveLength(1);
});

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

test("A ticket that was closed in Plane is not approved but cancelled", async () => {
  const app = await createTicketsApp();
  const item = await app.requestTicket();
  app.plane.editItem(item, { state: "Done" });
  app.dropWebhooks();
  expect((await app.call("/api/approve/ONB-1")).status).toBe(409);
  expect(await getStates(app)).toEqual([]);
});

test("A rejected ticket does not run, and its cause does not request it again", async () => {
  const app = await createTicketsApp();
  await app.requestTicket();
  expect((await app.call("/api/reject/ONB-1", { reason: "Too vague" })).json).toEqual({
    ticket_id: "ONB-1",
    state: "rejected",
  });
  expect((await app.call("/api/approve/ONB-1")).status).toBe(409);
  await app.poll();
  await app.runUntilIdle();
  expect(await getStates(app)).toEqual([]);
});

test("After a lost store the approval of a ticket asks again with what Plane has, unless the settings want no ticket", async () => {
  const app = await createTicketsApp({ states: ["todo"] });
  const item = await app.requestTicket("Before");
  app.addTask("Begun", [], { state: "In Progress" });
  await app.restart({ store: "lost" });
  await app.listenAgain();
  app.plane.editItem(item, { name: "After" });
  await app.runFirstPoll();
  expect(await getStates(app)).toEqual([]);
  expect((await app.call("/api/approve/ONB-2")).status).toBe(404);
  const refused = await app.call("/api/approve/ONB-1");
  expect(refused).toMatchObject({
    status: 409,
    json: { error: { message: expect.stringContaining("requested again") } },
  });
  expect((await app.read("/api/pending-tickets")).tickets).toMatchObject([{ id: "ONB-1", title: "After" }]);
  expect((await app.call("/api/approve/ONB-1")).status).toBe(200);
  expect(await getStates(app)).toEqual(["ONB-1 approved"]);
});

test("A person's comment requests the ticket again, with its whole text", async () => {
  const app = await createTicketsApp();
  const item = await app.requestTicket();
  await app.call("/api/reject/ONB-1");
  const text = `Please ${"really ".repeat(100)}do it`;
  app.plane.addComment(item, `<p>${text}</p>`, { by: app.human });
  await app.deliverWebhooks();
  await app.runUntilIdle();
  expect((await app.read("/api/pending-tickets")).tickets).toMatchObject([{ trigger_type: "comment", comment: text }]);
});

test("A cause that arrives during a run becomes pending after it", async () => {
  const app = await createTicketsApp();
  const item = await app.requestTicket();
  await app.call("/api/approve/ONB-1");
  await app.exchange();
  app.plane.addComment(item, "<p>And this</p>", { by: app.human });
  await app.deliverWebhooks();
  await app.runUntilIdle();
  expect(await getStates(app)).toEqual(["ONB-1 starting"]);
  await app.call("/api/sessions/ONB-1/complete", { summary: "First" });
  expect((await app.call("/api/update-plane/ONB-1")).json).toMatchObject({ status: "updated" });
  await app.deliverWebhooks();
  await app.runUntilIdle();
  expect((await app.read("/api/pending-tickets")).tickets).toMatchObject([{ comment: "And this", run: 1 }]);
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
  expect(await getStates(app)).toEqual(["ONB-1 pending"]);
});

test.each(["created", "status", "comment"] as const)("The trigger %s can be switched off", async (trigger) => {
  const app = await createTicketsApp({ triggers: { created: false, status: false, comment: false, [trigger]: true } });
  const item = await app.requestTicket();
  app.plane.editItem(item, { state: "In Progress" });
  app.plane.addComment(item, "<p>Now</p>", { by: app.human });
  await app.deliverWebhooks();
  await app.runUntilIdle();
  expect((await app.read("/api/pending-tickets")).tickets).toMatchObject([{ id: "ONB-1", trigger_type: trigger }]);
});

test("A rule of the settings approves a ticket and its update", async () => {
  const app = await createTicketsApp({ approve: [{ projects: ["OPS"] }, { priorities: ["urgent"], update: true }] });
  const urgent = await app.requestTicket("Urgent", { priority: "urgent" });
  await app.requestTicket("Normal");
  expect(await getStates(app)).toEqual(["ONB-2 pending", "ONB-1 approved"]);
  expect((await app.exchange()).sessions).toMatchObject([{ ticket: "ONB-1" }]);
  const completion = { summary: "By rule", source: "file" } as const;
  await app.exchange([createSession({ completion })]);
  await app.runUntilIdle();
  expect(app.readComments(urgent).join()).toContain("By rule");
  expect(await getStates(app)).toContain("ONB-1 done");
});

test("A ticket that is closed in Plane during its run is cancelled, and its session is stopped kindly", async () => {
  const app = await createTicketsApp();
  const item = await app.requestTicket();
  await app.call("/api/approve/ONB-1");
  await app.exchange();
  await app.exchange([createSession()]);
  app.plane.editItem(item, { state: "Cancelled" });
  await app.deliverWebhooks();
  await app.runUntilIdle();
  expect(await app.exchange([createSession()])).toMatchObject({
    sessions: [],
    stop: [{ ticket: "ONB-1", how: "kindly", reason: "closed_in_plane" }],
  });
});

test("A test ticket runs with its own text, only where ALLOW_TEST_TICKETS allows it", async () => {
  const app = await createTicketsApp({}, { env: { ALLOW_TEST_TICKETS: "1" } });
  const item = app.addTask("Real title");
  app.dropWebhooks();
  const ticket = {
    id: "ONB-1",
    uuid: item.id,
    project_id: app.onb.id,
    title: "Test\u202e title",
    description: "Do `$(id)`",
    trigger_type: "new_ticket",
    created_at: "2026-11-21T08:00:00Z",
  };
  expect(await app.call("/api/test/add-ticket", ticket)).toMatchObject({
    status: 200,
    json: { id: "ONB-1", title: "Test title", trigger_type: "test" },
  });
  await app.call("/api/test/add-ticket", ticket);
  expect((await app.read("/api/pending-tickets")).count).toBe(1);
  expect((await app.call("/api/approve/ONB-1")).status).toBe(200);
  expect((await app.exchange()).sessions[0]?.ticket_file).toContain("Do `$(id)`");
  const wrong = await app.call("/api/test/add-ticket", { ...ticket, id: "OPS-1" });
  expect(wrong).toMatchObject({ status: 409, json: { error: { message: expect.stringContaining("OPS") } } });
});

test("Without ALLOW_TEST_TICKETS no ticket can be added", async () => {
  const app = await createTicketsApp();
  const answer = await app.call("/api/test/add-ticket", { id: "ONB-1" });
  expect(answer).toMatchObject({
    status: 403,
    json: { error: { message: expect.stringContaining("ALLOW_TEST_TICKETS=1") } },
  });
});

test.each([
  ["/api/runner/exchange", HTTP_ADMIN_TOKEN, 403],
  ["/api/runner/exchange", toBridgeToken("Thot"), 403],
  ["/api/runner/exchange", "unknown-token-of-somebody", 401],
  ["/api/approve/ONB-1", RUNNER_TOKEN, 403],
  ["/api/test/add-ticket", RUNNER_TOKEN, 403],
  ["/api/sessions/ONB-1/cancel", toBridgeToken("Thot"), 403],
  ["/api/runner/sessions/ONB-1/hooks", RUNNER_TOKEN, 401],
] as const)("POST %s with %s is refused with %i", async (path, token, status) => {
  const app = await createTicketsApp();
  await app.requestTicket();
  await app.call("/api/approve/ONB-1");
  expect((await app.request(path, token, { method: "POST", body: "{}" })).status).toBe(status);
});

test.each(["/api/approve/..%2Fx", "/api/approve/ONB-0", "/api/approve/x"])("POST %s is refused", async (path) => {
  const app = await createTicketsApp();
  expect((await app.call(path)).status).toBe(400);
});

test("A work item that is assigned to one of the people later requests a ticket, and one that leaves them is cancelled", async () => {
  const app = await createTicketsApp({ people: ["Ada"] });
  const item = await app.requestTicket();
  expect(await getStates(app)).toEqual([]);
  app.plane.editItem(item, { assignees: [app.human.id] });
  await app.deliverWebhooks();
  await app.runUntilIdle();
  expect(await getStates(app)).toEqual(["ONB-1 pending"]);
  app.plane.editItem(item, { assignees: [] });
  await app.deliverWebhooks();
  await app.poll();
  await app.runUntilIdle();
  await app.poll();
  await app.runUntilIdle();
  expect(await getStates(app)).toEqual([]);
});
