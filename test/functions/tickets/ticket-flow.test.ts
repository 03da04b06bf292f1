import { expect, test } from "vitest";
import { createSession, createTicketsApp } from "./tickets-app.ts";

test("A new work item becomes a pending ticket, runs once approved, completes, and is written to Plane once", async () => {
  const app = await createTicketsApp();
  const item = await app.requestTicket("Write it down", { description_html: "<p>All of <b>it</b></p>" });
  const { tickets } = await app.read("/api/pending-tickets");
  expect(tickets).toMatchObject([
    { id: "ONB-1", uuid: item.id, title: "Write it down", description: "All of **it**", trigger_type: "created" },
  ]);

  expect(await app.exchange()).toMatchObject({ sessions: [] });
  const approved = await app.call("/api/approve/ONB-1", { hash: tickets[0].hash });
  expect(approved).toMatchObject({ status: 200, json: { ticket_id: "ONB-1", session_id: "claude-ONB-1" } });
  const [desired, ...others] = (await app.exchange()).sessions;
  expect(others).toEqual([]);
  expect(desired).toMatchObject({ ticket: "ONB-1", run: 1, session_id: approved.json.conversation_id, resume: false });
  expect(desired?.ticket_file).toContain("All of **it**");

  await app.exchange([createSession()]);
  expect((await app.read("/api/sessions")).sessions).toMatchObject([{ id: "ONB-1", state: "running" }]);
  const token = desired?.token ?? "";
  const completed = await app.hook(token, {
    hook_event_name: "UserPromptExpansion",
    command_name: "complete",
    command_args: "All is *done*",
  });
  expect(completed).toEqual({ status: 200, json: { decision: "block", reason: "Recorded" } });
  const ended = createSession({
    state: "ended",
    exit: { reason: "exited", status: 0 },
    commits: [{ id: "abc1234def", subject: "feat: <b>it</b>" }],
    diff: { files: 2, insertions: 30, deletions: 4 },
    cost_usd: 0.5,
  });
  expect(await app.exchange([createSession()])).toMatchObject({
    sessions: [],
    stop: [{ ticket: "ONB-1", run: 1, how: "kindly", reason: "completed_command" }],
  });
  expect(await app.exchange([ended])).toMatchObject({ sessions: [], stop: [{ ticket: "ONB-1", how: "now" }] });

  const updates = await Promise.all([app.call("/api/update-plane/ONB-1"), app.call("/api/update-plane/ONB-1")]);
  const result = { status: "updated", ticket_id: "ONB-1", comment_posted: true, state_updated: true };
  expect(updates.map(({ json }) => json)).toEqual([result, result]);
  expect((await app.call("/api/update-plane/ONB-1")).json).toEqual(result);
  const comments = app.readComments(item).filter((comment) => comment.includes("Claude Code"));
  expect(comments).toHaveLength(1);
  for (const part of ["All is <em>done</em>", "groundcrew/onb-1", "abc1234def", "feat: &#60;b&#62;it", "$0.5"])
    expect.soft(comments[0]).toContain(part);
  expect(app.readPlaneItem(item).state).toBe("Done");
  await app.deliverUntilIdle();
  expect(await app.read("/api/completed-tickets")).toMatchObject({
    count: 0,
    updated: [{ id: "ONB-1", state: "done", summary: "All is *done*", cost_usd: 0.5, comment_posted: true }],
  });
  expect(await app.exchange()).toMatchObject({ remove: [{ ticket: "ONB-1", run: 1, force: false }] });
});
