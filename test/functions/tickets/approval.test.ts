import { expect, test } from "vitest";
import { createSession, createTicketsApp } from "./tickets-app.ts";

async function getStates(app: Awaited<ReturnType<typeof createTicketsApp>>): Promise<string[]> {
  const paths = ["/api/pending-tickets", "/api/sessions", "/api/completed-tickets"];
  const [pending, active, completed] = await Promise.all(paths.map((path) => app.read(path)));
  return [...pending.tickets, ...active.sessions, ...completed.tickets, ...completed.updated].map(
    ({ id, state }: { id: string; state: string }) => `${id} ${state}`,
  );
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
  expect(await getStates(app)).toEqual(["ONB-1 starting"]);
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
  expect(await getStates(app)).toEqual(["ONB-1 pending"]);
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
