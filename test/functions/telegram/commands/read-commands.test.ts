import { expect, test } from "vitest";
import { findStoredTask } from "../../../../shared/tasks/find-task.ts";
import { askHuman } from "../../../../shared/tasks/people/questions.ts";
import { DAY } from "../../../../shared/time.ts";
import { createCommandsApp, toPlainText } from "./commands-app.ts";

test("NOTIF-06 /plane status shows projects with progress bars, each agent's task and its start, blocked tasks and the age of the data, without a request to Plane", async () => {
  const app = await createCommandsApp();
  const mail = app.addTask("Write the welcome mail", "Imhotep");
  const form = app.addTask("Make the form", "Thot");
  app.plane.relate(form, mail);
  app.addTask("Old", [], { state: "Done" });
  await app.runFirstPoll();
  await app.actAs("Imhotep").setStatus("ONB-1", { status: "in_progress" });
  await app.actAs("Imhotep").report("ONB-1", { percent: 40 });
  await app.runUntilIdle();
  app.advance(180_000);
  const text = await app.sendAndGetReply("/plane status");
  expect(text).toMatch(/^📊 Status\nOnboarding \(ONB\)\n▓▓▓░░░░░░░ 33% · 1 of 3 closed\n/);
  expect(text).toMatch(/In progress\n🔵 ONB-1 Write the welcome mail \(Imhotep, since 08:00, 40%\)/);
  expect(text).toMatch(/Blocked\n⛔ ONB-2 Make the form \(Thot, depends on ONB-1\)/);
  expect(text).toMatch(/🕓 Last poll of Plane: 3 min ago/);
  expect(await app.recordRequests(() => app.sendMessage("/plane status"))).toEqual([]);
});

test("NOTIF-06 /plane status lists a task in review under what waits for you", async () => {
  const app = await createCommandsApp();
  app.addTask("Write the welcome mail", "Imhotep", { state: "In Progress" });
  await app.runFirstPoll();
  await app.actAs("Imhotep").setStatus("ONB-1", { status: "in_progress" });
  await app.actAs("Imhotep").setStatus("ONB-1", { status: "done", text: "Written", confidence: 0.4 });
  await app.runUntilIdle();
  expect(await app.sendAndGetReply("/plane status")).toMatch(
    /Waiting for you\n🔍 ONB-1 Write the welcome mail \(Imhotep.*in review\)/,
  );
});

test("NOTIF-06 /plane status lists an agent's open question under what waits for you", async () => {
  const app = await createCommandsApp();
  const item = app.addTask("Write the welcome mail", "Imhotep");
  await app.runFirstPoll();
  const task = await findStoredTask(app.deps, item.id);
  if (!task) throw new Error("not kept");
  await askHuman(app.createContext("Imhotep"), task, { text: "Formal or <b>friendly</b>?" });
  expect(await app.sendAndGetReply("/plane status")).toMatch(
    /Waiting for you\n❓ ONB-1 Write the welcome mail \(Imhotep, since 08:00\): Formal or <b>friendly<\/b>\?/,
  );
});

test("NOTIF-08 /plane digest shows the digest as of now", async () => {
  const app = await createCommandsApp();
  app.addTask("Write the welcome mail", "Imhotep", { target_date: "2026-11-21" });
  await app.runFirstPoll();
  const text = await app.sendAndGetReply("/plane digest");
  expect(text).toMatch(/^📋 /);
  expect(text).toContain("ONB-1 Write the welcome mail");
});

test("NOTIF-06 projects, agents and tasks are found by key, number, name or a part of it, in any case and without accents", async () => {
  const app = await createCommandsApp();
  app.addProject("Équipe produit", "EQ");
  app.addTask("Rédiger le courriel d’accueil");
  await app.runFirstPoll();
  for (const [command, names, found] of [
    ["project", ["eq", "équipe produit", "EQUIPE", "quipe"], "Équipe produit (EQ)"],
    ["agent", ["Imhotep", "imho", "HOTEP"], "👤 Imhotep"],
    ["task", ["ONB-1", "onb-1", "1", "#1", "courriel", "REDIGER"], "ONB-1 Rédiger le courriel"],
  ] as const)
    for (const name of names) expect(await app.sendAndGetReply(`/plane ${command} ${name}`), name).toContain(found);
});

test("NOTIF-06 names offered as buttons can be pressed once; a second press is refused with an explanation", async () => {
  const app = await createCommandsApp();
  app.addTask("Mail to Ada");
  app.addTask("Mail to Bob");
  await app.runFirstPoll();
  const [question] = await app.sendMessage("/plane task mail");
  const before = { ...question, buttons: question?.buttons ?? [] } as NonNullable<typeof question>;
  await app.pressButton(question, /Ada/);
  expect(await app.pressButton(before, /Bob/)).toEqual(["Ada (Telegram) has already chosen."]);
  app.advance(2 * 86_400_000);
  expect(await app.pressButton(before, /Bob/)).toEqual(["This button has expired. Send the command again."]);
  expect(toPlainText(app.getBotMessages()[0])).toContain("ONB-1");
});

test("NOTIF-06 names without a match offer the most similar name; without a similar one list the available names", async () => {
  const app = await createCommandsApp();
  await app.runFirstPoll();
  const [answer] = await app.sendMessage("/plane agent Imotep");
  expect(toPlainText(answer)).toBe("No agent “Imotep” found.\nDid you mean this?");
  await app.pressButton(answer, "Imhotep");
  expect(toPlainText(app.getBotMessages().at(-1))).toContain("👤 Imhotep");
  expect(await app.sendAndGetReply("/plane agent Cleopatra")).toBe(
    "No agent “Cleopatra” found.\nAgents: Concierge, Imhotep, Thot",
  );
  expect(await app.sendAndGetReply("/plane project zzzzzzzzzz")).toContain("Projects: Onboarding (ONB)");
  expect(await app.sendAndGetReply("/plane task ONB-99")).toMatch(/^No open task “ONB-99” found/);
});

test("NOTIF-06 commands with a typo offer the most similar command, and its button runs it", async () => {
  const app = await createCommandsApp();
  app.addTask("Mail");
  await app.runFirstPoll();
  const [answer] = await app.sendMessage("/plane tsak ONB-1");
  expect(toPlainText(answer)).toBe("Unknown command “tsak”.\nDid you mean this?");
  await app.pressButton(answer, "/plane task ONB-1");
  expect(toPlainText(app.getBotMessages().at(-1))).toContain("ONB-1 Mail");
  for (const word of ["abracadabra", "foo", "thanks"])
    expect(await app.sendAndGetReply(`/plane ${word}`)).toBe(`Unknown command “${word}”. /plane help`);
  expect(await app.sendAndGetReply("/plane task")).toBe("Usage: /plane task <key>");
  const help = await app.sendAndGetReply("/plane");
  for (const name of ["status", "project", "agent", "task", "new", "assign", "block", "mute"])
    expect(help).toContain(`/plane ${name}`);
});

test("NOTIF-06 commands with a long reply page it with buttons, and nothing is truncated", async () => {
  const app = await createCommandsApp();
  for (let n = 1; n <= 70; n += 1) app.addTask(`Task number ${n}`, "Imhotep");
  await app.runFirstPoll();
  const [first] = await app.sendMessage("/plane agent Imhotep");
  const pages = [toPlainText(first)];
  for (let page = 2; ; page += 1) {
    const message = app.getBotMessages().at(-1);
    if (!message?.buttons.flat().some(({ text }) => text.endsWith("▶"))) break;
    await app.pressButton(message, /▶$/);
    pages.push(toPlainText(app.getBotMessages().at(-1)));
    expect(page).toBeLessThan(10);
  }
  for (let n = 1; n <= 70; n += 1) expect(pages.join("\n")).toMatch(new RegExp(`Task number ${n}\\b`));
  await app.pressButton(app.getBotMessages().at(-1), /^◀/);
  expect(toPlainText(app.getBotMessages().at(-1))).toBe(pages.at(-2));
  expect(app.getBotMessages()).toHaveLength(1);
});

test("NOTIF-06 commands show everything known of a task: card, blockers, times", async () => {
  const app = await createCommandsApp({ config: { budget: { amount: 100, currency: "EUR" } } });
  app.addTask("Write <b>the</b> mail", "Imhotep", {
    priority: "high",
    target_date: "2026-12-03",
    description_html: "<p>Be <b>kind</b> to a_b &amp; c*d [1]</p>",
  });
  await app.runFirstPoll();
  await app.actAs("Imhotep").setStatus("ONB-1", { status: "in_progress" });
  await app.actAs("Imhotep").report("ONB-1", { percent: 60, text: "half of it", confidence: 0.9, cost: 1.5 });
  await app.runUntilIdle();
  const text = await app.sendAndGetReply("/plane task ONB-1");
  for (const line of [
    "🔵 ONB-1 Write <b>the</b> mail",
    "Status: in progress",
    "Agent: Imhotep",
    "In progress: Imhotep since 08:00",
    "Priority: high",
    "Due date: Dec 3, 2026",
    "Progress: 60%",
    "Latest update: half of it",
    "Confidence: 90%",
    "Cost: €1.50",
    "Description: Be kind to a_b & c*d [1]",
  ])
    expect(text).toContain(line);
});

test("NOTIF-06 /plane agent shows how the agent's confidence has changed over time", async () => {
  const app = await createCommandsApp();
  await app.runFirstPoll();
  for (const [title, confidence, days] of [
    ["Long ago", 0.95, 40],
    ["Three weeks ago", 0.7, 20],
    ["This week", 0.9, 0],
  ] as const) {
    const key = app.toTaskKey(app.addTask(title, "Imhotep"));
    await app.poll();
    await app.actAs("Imhotep").setStatus(key, { status: "in_progress" });
    await app.actAs("Imhotep").setStatus(key, { status: "done", text: "Done", confidence });
    await app.drain();
    app.advance(days * DAY);
  }
  expect(await app.sendAndGetReply("/plane agent Imhotep")).toContain(
    "Confidence: 90% in the last 7 days, 80% in the last 30 days, 95% before that",
  );
});

test("a title is found as it was copied from a message, with marks that nobody sees", async () => {
  const app = await createCommandsApp();
  app.addTask("Move example.com/login #2");
  app.addTask("Move example.com");
  await app.runFirstPoll();
  // Messages have word joiners in titles that are no links, as where Plane's host name has no dot.
  for (const title of ["Move example.\u2060com/\u2060login #\u20602", "\u200fexample.com/login\u200e #2"])
    expect(await app.sendAndGetReply(`/plane task ${title}`)).toContain("ONB-1 Move example.com/login #2");
});
