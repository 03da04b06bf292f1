import { expect, test } from "vitest";
import { askHuman } from "../../../../shared/work/questions/questions.ts";
import { findKeptTask } from "../../../../shared/work/tasks/find-task.ts";
import { createCommandsApp, GROUP_CHAT, toPlainText } from "./commands-app.ts";

test("NOTIF-06 /plane status shows projects with progress bars, who works on what since when, blocked tasks and the age of the data", async () => {
  const rig = await createCommandsApp();
  const mail = rig.addTask("Write the welcome mail", "Imhotep");
  const form = rig.addTask("Make the form", "Thot");
  rig.plane.relate(form, mail);
  rig.addTask("Old", [], { state: "Done" });
  await rig.runFirstPoll();
  await rig.actAs("Imhotep").setStatus("ONB-1", { status: "in_progress" });
  await rig.actAs("Imhotep").report("ONB-1", { percent: 40 });
  await rig.runUntilIdle();
  rig.advance(180_000);
  const text = await rig.sendAndGetReply("/plane status");
  expect(text).toMatch(/^📊 Status\nOnboarding \(ONB\)\n▓▓▓░░░░░░░ 33% · 1 of 3 closed\n/);
  expect(text).toMatch(/In progress\n🔵 ONB-1 Write the welcome mail \(Imhotep, since 08:00, 40%\)/);
  expect(text).toMatch(/Blocked\n⛔ ONB-2 Make the form \(Thot, depends on ONB-1\)/);
  expect(text).toMatch(/🕓 Last poll of Plane: 3 min ago/);
});

test("NOTIF-06 /plane status costs Plane no request", async () => {
  const rig = await createCommandsApp();
  rig.addTask("Write the welcome mail", "Imhotep");
  await rig.runFirstPoll();
  expect(await rig.recordRequests(() => rig.sendMessage("/plane status"))).toEqual([]);
  expect(await rig.recordRequests(() => rig.sendMessage("/plane task ONB-1"))).toEqual([]);
  expect(await rig.recordRequests(() => rig.sendMessage("/plane agent Imhotep"))).toEqual([]);
});

test("NOTIF-06 /plane status says so when no project is observed yet", async () => {
  const rig = await createCommandsApp();
  expect(await rig.sendAndGetReply("/plane status")).toMatch(
    /No projects yet.[\s\S]*No agent is working.[\s\S]*not been polled/,
  );
});

test("NOTIF-06 /plane status lists a task in review under what waits for you", async () => {
  const rig = await createCommandsApp();
  rig.addTask("Write the welcome mail", "Imhotep", { state: "In Progress" });
  await rig.runFirstPoll();
  await rig.actAs("Imhotep").setStatus("ONB-1", { status: "in_progress" });
  await rig.actAs("Imhotep").setStatus("ONB-1", { status: "done", text: "Written", confidence: 0.4 });
  await rig.runUntilIdle();
  expect(await rig.sendAndGetReply("/plane status")).toMatch(
    /Waiting for you\n🔍 ONB-1 Write the welcome mail \(Imhotep.*in review\)/,
  );
});

test("NOTIF-06 /plane status lists an agent's open question under what waits for you", async () => {
  const rig = await createCommandsApp();
  const item = rig.addTask("Write the welcome mail", "Imhotep");
  await rig.runFirstPoll();
  const task = await findKeptTask(rig.deps, item.id);
  if (!task) throw new Error("not kept");
  await askHuman(rig.createContext("Imhotep"), task, { text: "Formal or <b>friendly</b>?" });
  expect(await rig.sendAndGetReply("/plane status")).toMatch(
    /Waiting for you\n❓ ONB-1 Write the welcome mail \(Imhotep, since 08:00\): Formal or <b>friendly<\/b>\?/,
  );
});

test("NOTIF-08 /plane digest shows the digest as of now", async () => {
  const rig = await createCommandsApp();
  rig.addTask("Write the welcome mail", "Imhotep", { target_date: "2026-11-21" });
  await rig.runFirstPoll();
  const text = await rig.sendAndGetReply("/plane digest");
  expect(text).toMatch(/^📋 /);
  expect(text).toContain("ONB-1 Write the welcome mail");
});

test("NOTIF-06 names match by identifier, name, part of a name, without accents and in any case", async () => {
  const rig = await createCommandsApp();
  rig.addProject("Équipe produit", "EQ");
  await rig.runFirstPoll();
  for (const name of ["EQ", "eq", "équipe produit", "EQUIPE", "produit", "quipe"])
    expect(await rig.sendAndGetReply(`/plane project ${name}`), name).toContain("Équipe produit (EQ)");
  for (const name of ["Imhotep", "imho", "HOTEP"])
    expect(await rig.sendAndGetReply(`/plane agent ${name}`)).toContain("👤 Imhotep");
});

test("NOTIF-06 names find a task by key in any case, by number and by part of its title", async () => {
  const rig = await createCommandsApp();
  rig.addTask("Rédiger le courriel d’accueil");
  await rig.runFirstPoll();
  for (const name of ["ONB-1", "onb-1", "1", "#1", "courriel", "REDIGER"])
    expect(await rig.sendAndGetReply(`/plane task ${name}`), name).toContain("ONB-1 Rédiger le courriel");
});

test("NOTIF-06 names with several matches offer buttons, and the message then shows the pressed one", async () => {
  const rig = await createCommandsApp();
  rig.addTask("Mail to Ada");
  rig.addTask("Mail to Bob");
  await rig.runFirstPoll();
  const [question] = await rig.sendMessage("/plane task mail");
  expect(toPlainText(question)).toBe("Which task do you mean?");
  expect(question?.buttons.flat().map(({ text }) => text)).toEqual(["ONB-1 Mail to Ada", "ONB-2 Mail to Bob"]);
  expect(await rig.pressButton(question, /Bob/)).toEqual([""]);
  expect(toPlainText(rig.getBotMessages().at(-1))).toContain("ONB-2 Mail to Bob");
  expect(rig.getBotMessages()).toHaveLength(1);
  expect(rig.getBotMessages()[0]?.buttons).toEqual([]);
});

test("NOTIF-06 names offered as buttons can be pressed once; a second press is refused with an explanation", async () => {
  const rig = await createCommandsApp();
  rig.addTask("Mail to Ada");
  rig.addTask("Mail to Bob");
  await rig.runFirstPoll();
  const [question] = await rig.sendMessage("/plane task mail");
  const before = { ...question, buttons: question?.buttons ?? [] } as NonNullable<typeof question>;
  await rig.pressButton(question, /Ada/);
  expect(await rig.pressButton(before, /Bob/)).toEqual(["Ada (Telegram) has already chosen."]);
  rig.advance(2 * 86_400_000);
  expect(await rig.pressButton(before, /Bob/)).toEqual(["This button has expired. Send the command again."]);
  expect(toPlainText(rig.getBotMessages()[0])).toContain("ONB-1");
});

test("NOTIF-06 names without a match offer the most similar name; without a similar one list the available names", async () => {
  const rig = await createCommandsApp();
  await rig.runFirstPoll();
  const [answer] = await rig.sendMessage("/plane agent Imotep");
  expect(toPlainText(answer)).toBe("No agent “Imotep” found.\nDid you mean this?");
  await rig.pressButton(answer, "Imhotep");
  expect(toPlainText(rig.getBotMessages().at(-1))).toContain("👤 Imhotep");
  expect(await rig.sendAndGetReply("/plane agent Cleopatra")).toBe(
    "No agent “Cleopatra” found.\nAgents: Concierge, Imhotep, Thot",
  );
  expect(await rig.sendAndGetReply("/plane project zzzzzzzzzz")).toContain("Projects: Onboarding (ONB)");
  expect(await rig.sendAndGetReply("/plane task ONB-99")).toMatch(/^No open task “ONB-99” found/);
});

test("NOTIF-06 commands with a typo offer the most similar command, and its button runs it", async () => {
  const rig = await createCommandsApp();
  rig.addTask("Mail");
  await rig.runFirstPoll();
  const [answer] = await rig.sendMessage("/plane tsak ONB-1");
  expect(toPlainText(answer)).toBe("Unknown command “tsak”.\nDid you mean this?");
  await rig.pressButton(answer, "/plane task ONB-1");
  expect(toPlainText(rig.getBotMessages().at(-1))).toContain("ONB-1 Mail");
  expect(await rig.sendAndGetReply("/plane abracadabra")).toBe("Unknown command “abracadabra”. /plane help");
});

test("NOTIF-06 commands: a word that resembles no command gets no suggestion, a typing error of one does", async () => {
  const app = await createCommandsApp();
  for (const word of ["foo", "thanks"])
    expect(await app.sendAndGetReply(`/plane ${word}`)).toBe(`Unknown command “${word}”. /plane help`);
  for (const [typed, command] of [
    ["aprove", "approve"],
    ["stauts", "status"],
  ]) {
    const [answer] = await app.sendMessage(`/plane ${typed}`);
    expect(answer?.buttons.flat().map(({ text }) => text)).toEqual([`/plane ${command}`]);
  }
});

test("NOTIF-06 commands are all listed by help, and /plane alone shows the help", async () => {
  const rig = await createCommandsApp();
  const help = await rig.sendAndGetReply("/plane help");
  for (const name of ["status", "project", "agent", "task", "new", "assign", "block", "mute"])
    expect(help).toContain(`/plane ${name}`);
  expect(await rig.sendAndGetReply("/plane")).toBe(help);
});

test("NOTIF-06 commands without their arguments reply with their syntax", async () => {
  const rig = await createCommandsApp();
  expect(await rig.sendAndGetReply("/plane task")).toBe("Usage: /plane task <key>");
  expect(await rig.sendAndGetReply("/plane assign")).toBe("Usage: /plane assign <key> <agent>");
});

test("NOTIF-06 commands with a long reply page it with buttons, and nothing is truncated", async () => {
  const rig = await createCommandsApp();
  for (let n = 1; n <= 70; n += 1) rig.addTask(`Task number ${n}`, "Imhotep");
  await rig.runFirstPoll();
  const [first] = await rig.sendMessage("/plane agent Imhotep");
  const pages = [toPlainText(first)];
  for (let page = 2; ; page += 1) {
    const message = rig.getBotMessages().at(-1);
    if (!message?.buttons.flat().some(({ text }) => text.endsWith("▶"))) break;
    await rig.pressButton(message, /▶$/);
    pages.push(toPlainText(rig.getBotMessages().at(-1)));
    expect(page).toBeLessThan(10);
  }
  for (let n = 1; n <= 70; n += 1) expect(pages.join("\n")).toMatch(new RegExp(`Task number ${n}\\b`));
  await rig.pressButton(rig.getBotMessages().at(-1), /^◀/);
  expect(toPlainText(rig.getBotMessages().at(-1))).toBe(pages.at(-2));
  expect(rig.getBotMessages()).toHaveLength(1);
});

test("NOTIF-06 commands show everything known of a task: card, blockers, times", async () => {
  const rig = await createCommandsApp({ config: { budget: { amount: 100, currency: "EUR" } } });
  rig.addTask("Write <b>the</b> mail", "Imhotep", {
    priority: "high",
    target_date: "2026-12-03",
    description_html: "<p>Be <b>kind</b></p>",
  });
  await rig.runFirstPoll();
  await rig.actAs("Imhotep").setStatus("ONB-1", { status: "in_progress" });
  await rig.actAs("Imhotep").report("ONB-1", { percent: 60, text: "half of it", confidence: 0.9, cost: 1.5 });
  await rig.runUntilIdle();
  const text = await rig.sendAndGetReply("/plane task ONB-1");
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
    "Description: Be **kind**",
  ])
    expect(text).toContain(line);
});

test("with LOCALE auto users get replies in their own language", async () => {
  const rig = await createCommandsApp({ env: { LOCALE: "auto", TELEGRAM_ALLOWED_USERS: "4711,4712" } });
  rig.telegram.setLanguage(4712, "fr-CA");
  await rig.runFirstPoll();
  expect(await rig.sendAndGetReply("/plane status", { from: 4712 })).toContain("📊 Situation");
  expect(await rig.sendAndGetReply("/plane statut", { from: 4711 })).toContain("📊 Status");
});

test("a reply refers to the command, in its topic", async () => {
  const rig = await createCommandsApp();
  await rig.runFirstPoll();
  const [answer] = await rig.sendMessage("/plane status", { topic: 7 });
  expect(answer).toMatchObject({ topic: 7 });
  expect(answer?.replyTo).toBe(rig.telegram.chat(-100_200).messages.find(({ from }) => from === 4711)?.id);
});

test("a reply to a command that is itself a reply goes into the group: only forums have topics", async () => {
  const rig = await createCommandsApp();
  await rig.runFirstPoll();
  await rig.sendMessage("/plane status");
  const [status] = rig.getBotMessages();
  const [answer] = await rig.sendMessage("/plane help", status && { replyTo: status.id });
  expect(answer).toMatchObject({ text: expect.stringContaining("/plane digest") });
  expect(await rig.store.listDeadJobs("outbox")).toEqual([]);
});

test("a reply that a closed topic refuses does not delay other replies", async () => {
  const rig = await createCommandsApp();
  await rig.runFirstPoll();
  rig.telegram.setTopic(GROUP_CHAT, 7, "closed");
  expect(await rig.sendMessage("/plane status", { topic: 7 })).toEqual([]);
  expect(await rig.sendAndGetReply("/plane help")).toContain("/plane digest");
});
