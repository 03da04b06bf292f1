import { expect, test, vi } from "vitest";
import { CONSOLE_TICKETS, STORY_TICKET } from "../../../demo/tickets/ticket-scripts.ts";
import { createDemoTicketApp } from "./demo-ticket-app.ts";

vi.setConfig({ testTimeout: 60_000 });

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
    `Ada approves the ticket ONB-1 “${STORY_TICKET.title}”`,
    `Ada allows ONB-1: Bash command: ${STORY_TICKET.command}`,
    "Ada approves the result of ONB-1, which Groundcrew writes to Plane",
  ]);
  for (let i = 0; i < 5; i += 1) await play(10_000);
  expect(human.isOver("ONB-1")).toBe(true);
  const comments = app.readComments(item).filter((comment) => comment.includes("Claude Code"));
  expect(comments).toHaveLength(1);
  for (const part of ["waits up to 60 s", "groundcrew/onb-1", STORY_TICKET.commit, "12", "$0.13"])
    expect.soft(comments[0]).toContain(part);
  expect(app.readPlaneItem(item).state).toBe("Done");
});

test("A person can approve, answer and deny before the scripted human, who then does nothing about it", async () => {
  const [ticket] = CONSOLE_TICKETS;
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

test("A rejected ticket is over, and nothing runs", async () => {
  const { app, human, story, runner, play } = await createDemoTicketApp(STORY_TICKET);
  expect(human.isOver("ONB-1")).toBe(false);
  await human.act();
  expect(human.isOver("ONB-1")).toBe(false);
  await app.call("/api/reject/ONB-1");
  await play(60_000);
  expect(human.isOver("ONB-1")).toBe(true);
  expect(story).toEqual([]);
  expect(runner.getReports()).toEqual([]);
});
