import { expect, test, vi } from "vitest";
import { createDemoTicketApp, DEMO_TICKETS } from "./demo-ticket-app.ts";

vi.setConfig({ testTimeout: 60_000 });

const { story: STORY_TICKET } = DEMO_TICKETS;

const WAIT = { timeout: 40_000, interval: 10 };

test("The demo's ticket is approved, asks for a permission, completes, and is written to Plane once", async () => {
  const { app, item, human, story, play } = await createDemoTicketApp(STORY_TICKET);
  const readTicket = async () => (await app.read("/api/completed-tickets")).updated[0]?.state;
  await expect
    .poll(async () => {
      await play(1_000);
      return readTicket();
    }, WAIT)
    .toBe("done");
  expect(story).toEqual([
    "page: Ada answers the ticket ONB-1 with “approve”",
    "page: Ada answers the permission ONB-1 with “allow”",
    "page: Ada answers the result ONB-1 with “approve”",
  ]);
  for (let i = 0; i < 5; i += 1) await play(10_000);
  expect(human.waiting).toBe(0);
  const comments = app.readComments(item).filter((comment) => comment.includes("Claude Code"));
  expect(comments).toHaveLength(1);
  for (const part of ["waits up to 60 s", "groundcrew/onb-1", STORY_TICKET.commit, "12", "$0.13"])
    expect.soft(comments[0]).toContain(part);
  expect(app.readPlaneItem(item).state).toBe("Done");
});

test("A person can approve, answer and deny before the scripted human, who then does nothing about it", async () => {
  const ticket = DEMO_TICKETS.forConsole(0);
  const { app, item, human, story, play } = await createDemoTicketApp(ticket);
  const readSession = async () => (await app.read("/api/sessions")).sessions[0];
  /** Plays without the human until the session asks this kind of question. */
  const waitForQuestion = async (kind: string) => {
    await expect
      .poll(async () => {
        await play(250, false);
        return (await readSession())?.questions[0]?.kind;
      }, WAIT)
      .toBe(kind);
    return (await readSession()).questions[0];
  };
  await human.act();
  await app.call("/api/approve/ONB-1");
  const question = await waitForQuestion("input");
  expect(question.text).toBe(ticket.question);
  await human.act();
  await app.call("/api/sessions/ONB-1/answer", { question: question.id, answer: "Only after a year" });
  const permission = await waitForQuestion("permission");
  await human.act();
  await app.call("/api/sessions/ONB-1/answer", { question: permission.id, answer: "deny" });
  await expect
    .poll(async () => {
      await play(250, false);
      return (await app.read("/api/completed-tickets")).tickets[0];
    }, WAIT)
    .toMatchObject({ state: "completed", commits: [{ subject: ticket.commit }] });
  const screen = (await app.read("/api/completed-tickets")).tickets[0];
  expect(screen.summary).toBe(ticket.summary);
  await human.act();
  await app.call("/api/update-plane/ONB-1");
  await play(60_000);
  expect(story).toEqual([]);
  expect(app.readComments(item).filter((comment) => comment.includes("Claude Code"))).toHaveLength(1);
});
