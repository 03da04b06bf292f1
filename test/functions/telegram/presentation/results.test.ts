import { expect, test } from "vitest";
import { addNotification, EMPTY_BURST, renderBurst } from "../../../../functions/telegram/delivery/burst.ts";
import { createPresentation } from "../../../../functions/telegram/presentation/presentation.ts";
import type { ActionBody, EventFacts } from "../../../../shared/task/rule-set.ts";
import { findMessageProblem } from "../../../../simulators/telegram/message-payload.ts";
import { toPlainText } from "../commands/commands-app.ts";
import { createLiveMessagesApp, type LiveMessagesApp } from "../live-messages-app.ts";
import { createNotice, PLANE_BASE_URL, PROJECT } from "../outbox-setup.ts";

const BUDGET = { budget: { amount: 100, currency: "EUR" } };
const HOUR_MS = 3_600_000;

/** A task of Imhotep that is in progress, with a timer that has run for ten minutes. */
async function startTimedTask(app: LiveMessagesApp, title = "Write the mail"): Promise<string> {
  app.addTask("A task that keeps the project open");
  const key = await app.startTask("Imhotep", title);
  await app.actAs("Imhotep").startTimer(key);
  app.advance(600_000);
  return key;
}

async function finishTask(app: LiveMessagesApp, key: string, change: { text?: string; cost?: number } = {}) {
  await app.actAs("Imhotep").setStatus(key, { status: "done", confidence: 1, text: "Ready.", ...change });
  await app.advanceAndDrain();
}

const getCompletedText = (app: LiveMessagesApp, word = "Completed") => toPlainText(app.findMessage(word));

test("NOTIF-04 the message about a completed task shows the summary, links to the deliverables, time and cost", async () => {
  const app = await createLiveMessagesApp({ config: { progress: false, ...BUDGET } });
  const key = await startTimedTask(app);
  await app.actAs("Imhotep").deliver({ task: key, name: "mail.md", file: new Blob(["# Hello"]) });
  await finishTask(app, key, {
    text: "The mail is **written**.\n\n- two versions\n- see [the draft](https://evil.example)",
    cost: 1.5,
  });
  expect(getCompletedText(app).split("\n")).toEqual([
    `✅ Completed: ${key} Write the mail`,
    "Result: The mail is written. two versions see the draft",
    "Deliverables: mail.md",
    "Project: Onboarding (ONB)",
    "Status: ✅ done",
    "Agent: Imhotep",
    "Time spent: 10 min",
    "Cost: €1.50",
  ]);
  const links = app.findMessage("Completed")?.entities.flatMap(({ url }) => url ?? []) ?? [];
  expect(links.filter((url) => url.includes("/attachments/"))).toHaveLength(1);
  expect(links.some((url) => url.includes("evil"))).toBe(false);
});

test("the message about a completed task shows the note that counted as its summary", async () => {
  const app = await createLiveMessagesApp({ config: { progress: false } });
  const key = await startTimedTask(app);
  await app.actAs("Imhotep").comment(key, { text: "It is **finished**.", kind: "note" });
  await app.actAs("Imhotep").setStatus(key, { status: "done", confidence: 1 });
  await app.advanceAndDrain();
  expect(getCompletedText(app)).toContain("Result: It is finished.");
});

test("the message about a task that a person completes later does not show an earlier summary", async () => {
  const app = await createLiveMessagesApp({ config: { progress: false } });
  const key = await startTimedTask(app);
  await finishTask(app, key, { text: "An earlier summary." });
  await app.actAs("Ada").setStatus(key, { status: "todo" });
  app.advance(60_000);
  await app.actAs("Ada").setStatus(key, { status: "done" });
  await app.advanceAndDrain();
  const messages = app.getBotMessages().map(toPlainText);
  expect(messages.filter((text) => text.includes("Completed"))).toHaveLength(2);
  expect(messages.filter((text) => text.includes("An earlier summary."))).toHaveLength(1);
});

const en = createPresentation({ locale: "en", plane: { url: PLANE_BASE_URL }, budget: { currency: "EUR" } });
const render = (bodies: ActionBody[]) => renderBurst(bodies.reduce(addNotification, EMPTY_BURST), en);
const renderText = (bodies: ActionBody[]) => render(bodies).text.replaceAll("\u2060", "");

function createResultNotice(n: number, text: string, fileCount = 1): ActionBody {
  const files = Array.from({ length: Math.min(5, fileCount) }, (_, i) => ({
    name: `file-${n}-${i}.pdf`,
    url: `${PLANE_BASE_URL}/api/assets/v2/workspaces/javisi/attachments/${n}-${i}/`,
  }));
  return createNotice(n, {
    agent: "Imhotep",
    timeSpentMs: HOUR_MS,
    cost: 2,
    result: { text, files, count: fileCount },
  });
}

test("in a message with several notifications a completed task has two lines, the second with result, link, time and cost", () => {
  const bodies = [createResultNotice(1, "The mail is written."), createNotice(2), createResultNotice(3, "All set.", 4)];
  expect(renderText(bodies).split("\n")).toEqual([
    "✅ Completed: ONB-1 Task 1 (Imhotep)",
    "↳ The mail is written. · file-1-0.pdf · 1 hr · €2.00",
    "✅ Completed: ONB-2 Task 2",
    "✅ Completed: ONB-3 Task 3 (Imhotep)",
    "↳ All set. · file-3-0.pdf, file-3-1.pdf, … and 2 more · 1 hr · €2.00",
  ]);
  const links = render(bodies).entities.flatMap((entity) => ("url" in entity ? entity.url : []));
  expect(links.filter((url) => url.includes("/attachments/"))).toHaveLength(3);
});

test("ten completed tasks with long results fit into one message: the results are shortened, no task is left out", () => {
  const bodies = Array.from({ length: 10 }, (_, n) => {
    const body = createResultNotice(n + 1, "x".repeat(600), 9);
    return {
      ...body,
      facts: { ...body.facts, item: { ...body.facts.item, title: "y".repeat(250) } as EventFacts["item"] & object },
    };
  });
  const { text, entities } = render(bodies);
  expect(findMessageProblem(text, entities)).toBeUndefined();
  const lines = text.split("\n");
  expect(lines).toHaveLength(20);
  expect(lines.filter((line) => line.startsWith("↳ x"))).toHaveLength(10);
});

const createProjectNotice = (totals: NonNullable<EventFacts["totals"]>, n = 1): ActionBody => ({
  event: { kind: "project_completed" },
  facts: { project: { ...PROJECT, name: `Project ${n}`, identifier: `P${n}` }, totals, at: "" },
  correlation: `p${n}`,
});

test("in a message with counts, projects closed without result are counted apart from completed ones", () => {
  const bodies = Array.from({ length: 12 }, (_, n) => createProjectNotice({ done: n % 2, cancelled: 1 }, n));
  expect(renderText(bodies)).toMatch(/^✖️ 6 projects closed without result: .*\n🏁 6 projects completed: /);
});
