import * as fc from "fast-check";
import { expect, test } from "vitest";
import { cyclesTick } from "../../../../functions/poll/poll-tick.ts";
import { findStoredTask } from "../../../../shared/tasks/find-task.ts";
import { askHuman } from "../../../../shared/tasks/people/questions.ts";
import { DAY } from "../../../../shared/time.ts";
import { pickSize } from "../../../reliability/random-source.ts";
import { createCommandsApp, toPlainText } from "./commands-app.ts";

test("NOTIF-06 /plane status shows projects with progress, each agent's task, what is blocked or waits for a person, and the data's age, without a request to Plane", async () => {
  const app = await createCommandsApp();
  const mail = app.addTask("Write the welcome mail", "Imhotep");
  const form = app.addTask("Make the form", "Thot");
  app.plane.relate(form, mail);
  app.addTask("Old", [], { state: "Done" });
  const terms = app.addTask("Write the terms", "Thot");
  const logo = app.addTask("Draw the logo", "Thot");
  await app.runFirstPoll();
  await app.actAs("Imhotep").setStatus("ONB-1", { status: "in_progress" });
  await app.actAs("Imhotep").report("ONB-1", { percent: 40 });
  await app.actAs("Thot").setStatus(app.toTaskKey(terms), { status: "in_progress" });
  await app.actAs("Thot").setStatus(app.toTaskKey(terms), { status: "done", text: "Written", confidence: 0.4 });
  await app.runUntilIdle();
  const task = await findStoredTask(app.deps, logo.id);
  if (!task) throw new Error("not kept");
  await askHuman(app.createContext("Thot"), task, { text: "Formal or <b>friendly</b>?" });
  app.advance(180_000);
  const text = await app.sendAndGetReply("/plane status");
  expect(text).toMatch(/^📊 Status\nOnboarding \(ONB\)\n▓▓░░░░░░░░ 20% · 1 of 5 closed\n/);
  expect(text).toMatch(/In progress\n🔵 ONB-1 Write the welcome mail \(Imhotep, since 08:00, 40%\)/);
  expect(text).toMatch(/Blocked\n⛔ ONB-2 Make the form \(Thot, depends on ONB-1\)/);
  expect(text).toMatch(/Waiting for you\n.*\n?🔍 ONB-4 Write the terms \(Thot.*in review\)/);
  expect(text).toMatch(/❓ ONB-5 Draw the logo \(Thot, since 08:00\): Formal or <b>friendly<\/b>\?/);
  expect(text).toMatch(/🕓 Last poll of Plane: 3 min ago/);
  expect(await app.recordRequests(() => app.sendMessage("/plane status"))).toEqual([]);
});

test("NOTIF-06 projects, agents and tasks are found by key, number, name or a part of it, in any case and without accents", async () => {
  const app = await createCommandsApp();
  app.addProject("Équipe produit", "EQ");
  app.addTask("Rédiger le courriel d’accueil");
  app.addTask("Move example.com/login #2");
  app.addTask("Move example.com");
  await app.runFirstPoll();
  // Messages have word joiners in titles that are no links, as where Plane's host name has no dot.
  const copied = ["Move example.\u2060com/\u2060login #\u20602", "\u200fexample.com/login\u200e #2"];
  for (const [command, names, found] of [
    ["project", ["eq", "équipe produit", "EQUIPE", "quipe"], "Équipe produit (EQ)"],
    ["agent", ["Imhotep", "imho", "HOTEP"], "👤 Imhotep"],
    ["task", ["ONB-1", "onb-1", "1", "#1", "courriel", "REDIGER"], "ONB-1 Rédiger le courriel"],
    ["task", copied, "ONB-2 Move example.com/login #2"],
  ] as const)
    for (const name of names) expect(await app.sendAndGetReply(`/plane ${command} ${name}`), name).toContain(found);
});

test("NOTIF-06 a name or a command with a typo offers the most similar one, and else what there is", async () => {
  const app = await createCommandsApp();
  app.addTask("Mail");
  await app.runFirstPoll();
  for (const [command, answer, label, outcome] of [
    ["agent Imotep", "No agent “Imotep” found.\nDid you mean this?", "Imhotep", "👤 Imhotep"],
    ["tsak ONB-1", "Unknown command “tsak”.\nDid you mean this?", "/plane task ONB-1", "ONB-1 Mail"],
  ] as const) {
    const [reply] = await app.sendMessage(`/plane ${command}`);
    expect(toPlainText(reply)).toBe(answer);
    await app.tapButton(reply, label);
    expect(toPlainText(app.getBotMessages().at(-1))).toContain(outcome);
  }
  expect(await app.sendAndGetReply("/plane agent Cleopatra")).toBe(
    "No agent “Cleopatra” found.\nAgents: Concierge, Imhotep, Thot",
  );
  expect(await app.sendAndGetReply("/plane project zzzzzzzzzz")).toContain("Projects: Onboarding (ONB)");
  expect(await app.sendAndGetReply("/plane task ONB-99")).toMatch(/^No open task “ONB-99” found/);
  for (const word of ["abracadabra", "thanks"])
    expect(await app.sendAndGetReply(`/plane ${word}`)).toBe(`Unknown command “${word}”. /plane help`);
  expect(await app.sendAndGetReply("/plane task")).toBe("Usage: /plane task <key>");
  const help = await app.sendAndGetReply("/plane");
  for (const name of ["status", "project", "agent", "task", "new", "assign", "block", "mute"])
    expect(help).toContain(`/plane ${name}`);
});

test("NOTIF-06 a long reply is paged with buttons, and nothing is truncated", async () => {
  const app = await createCommandsApp();
  for (let n = 1; n <= 25; n += 1) app.addTask(`Task number ${n} ${"x".repeat(200)}`, "Imhotep");
  await app.runFirstPoll();
  const [first] = await app.sendMessage("/plane agent Imhotep");
  const pages = [toPlainText(first)];
  const hasNext = () => app.getButtonLabels(app.getBotMessages()[0])?.some((label) => label.endsWith("▶"));
  while (hasNext() && pages.length < 10) {
    await app.tapButton(app.getBotMessages()[0], /▶$/);
    pages.push(toPlainText(app.getBotMessages()[0]));
  }
  for (let n = 1; n <= 25; n += 1) expect(pages.join("\n")).toMatch(new RegExp(`Task number ${n}\\b`));
  await app.tapButton(app.getBotMessages()[0], /^◀/);
  expect(app.getBotMessages().map(toPlainText)).toEqual([pages.at(-2)]);
});

test("NOTIF-06 /plane task shows everything known of a task: card, blockers, times", async () => {
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
  expect((await app.sendAndGetReply("/plane task ONB-1")).split("\n")).toEqual(
    expect.arrayContaining([
      "🔵 ONB-1 Write <b>the</b> mail",
      "Status: in progress",
      "In progress: Imhotep since 08:00",
      "Priority: high",
      "Due date: Dec 3, 2026",
      "Progress: 60%",
      "Latest update: half of it",
      "Confidence: 90%",
      "Cost: €1.50",
      "Description: Be kind to a_b & c*d [1]",
    ]),
  );
});

test("/plane cycle shows progress and forecast for two requests, /plane digest without one, and stored data while Plane is away", async () => {
  const app = await createCommandsApp();
  const toDay = (days: number) => new Date(app.time.now + days * DAY).toISOString().slice(0, 10);
  app.plane.editProject(app.onb, { cycle_view: true });
  await app.runFirstPoll();
  expect(await app.sendAndGetReply("/plane cycle")).toBe("There are no cycles in Plane.");
  // A cycle of ten days with four tasks: two done since it began four days ago, two waiting.
  const items = ["One", "Two", "Three", "Four"].map((name) => app.addTask(name, "Imhotep"));
  const cycle = app.plane.addCycle(app.onb, { name: "Sprint 7", start_date: toDay(1), end_date: toDay(10) });
  app.plane.addToCycle(cycle, items);
  await app.poll();
  await cyclesTick.run(app.deps);
  app.advance(5 * DAY);
  for (const item of items.slice(0, 2)) app.plane.editItem(item, { state: "Done" });
  await app.poll();
  await app.runUntilIdle();
  const reply = await app.sendAndGetReply("/plane cycle");
  expect(reply.split("\n").slice(0, 5)).toEqual([
    "🏃 Sprint 7 – Onboarding (ONB)",
    expect.stringMatching(/^ends .* 2026$/),
    "▓▓▓▓▓░░░░░ 50%",
    "2 of 4 done, 2 tasks left",
    expect.stringMatching(/^🔮 forecast .* 2026 \(on time\), at 0\.5 tasks a day$/),
  ]);
  expect(reply).toContain("⬜ To do\n⬜ ONB-3 Three (Imhotep)\n⬜ ONB-4 Four (Imhotep)");
  app.plane.addToCycle(cycle, [app.addTask("Five", "Thot")]);
  await app.poll();
  await app.runUntilIdle();
  app.plane.ledger.clear();
  expect(await app.sendAndGetReply("/plane cycle sprint 7")).toContain("2 of 5 done, 3 tasks left");
  expect(app.plane.ledger.requests.map(({ method }) => method)).toEqual(["GET", "GET"]);
  expect(await app.sendAndGetReply("/plane cycle winter")).toBe("No cycle “winter” found.\nCycles: Sprint 7");
  await cyclesTick.run(app.deps);
  await app.runUntilIdle();
  app.plane.ledger.clear();
  expect(await app.sendAndGetReply("/plane digest")).toMatch(
    /🏃 Current cycles \(1\)\n• Sprint 7 \(ONB\): 2 of 5 done, 3 tasks left, ends .*, forecast .*/,
  );
  expect(await app.sendAndGetReply("/plane project ONB")).toContain("3 tasks left");
  expect(app.plane.ledger.requests).toEqual([]);
  await app.plane.takeDown();
  const stored = await app.sendAndGetReply("/plane cycle");
  expect(stored).toContain("2 of 5 done, 3 tasks left");
  expect(stored).toContain("⚠️ Plane did not respond: these are stored data.");
});

const HOSTILE_TEXTS = [
  ...["<b>bold</b>", "_*[x](https://evil.example)", "\u202egnp.exe\u2066", "$(id) `ls`", "a\nb", "; --flag"],
  ...["\u001b[31m", "@durov #tag /plane cancel ONB-1", "evil.example", "😀".repeat(40), "\ud83d", "x".repeat(250)],
  ...['"quoted" «ainsi»', "   "],
];
const title = fc
  .oneof(
    fc.string({ unit: "binary", maxLength: 80 }),
    fc.array(fc.constantFrom(...HOSTILE_TEXTS), { minLength: 1, maxLength: 4 }).map((parts) => parts.join(" ")),
  )
  .map((text) => text.toWellFormed().replaceAll("\u0000", "").slice(0, 255).toWellFormed());

test("hostile titles, names and words stay text in every reply, and Telegram accepts each (reliability 18)", {
  timeout: 300_000,
}, async () => {
  const titles = fc.array(title, { minLength: 1, maxLength: 6 });
  await fc.assert(fc.asyncProperty(titles, title, tryCommands), { numRuns: pickSize(300, 4) });
});

async function tryCommands(titles: string[], word: string) {
  const app = await createCommandsApp();
  for (const name of titles) app.addTask(name.trim() === "" ? "?" : name, "Imhotep");
  await app.runFirstPoll();
  const commandTexts = [
    "/plane status",
    "/plane project ONB",
    "/plane agent Imhotep",
    "/plane task ONB-1",
    `/plane task ${word}`,
    `/plane project ${word}`,
    `/plane ${word}`,
    `/plane new ONB ${word}`,
    `/plane assign ONB-1 ${word}`,
    `/plane mute ${word}`,
    `/plane block ONB-1 ${word}`,
  ];
  for (const text of commandTexts) expect((await app.sendMessage(text)).length, text).toBe(1);
  expect(app.telegram.calls.filter(({ outcome }) => outcome !== "ok" && outcome !== "429")).toEqual([]);
  // No line break of others, no bidirectional mark and no control character of a terminal.
  for (const { text } of app.getBotMessages())
    expect(text).not.toMatch(/[\u202a-\u202e\u2066-\u2069\u200e\u200f]|[^\P{Cc}\n]/u);
  const types = app.getBotMessages().flatMap(({ entities }) => entities.map(({ type }) => type));
  expect(types.filter((type) => !["bold", "code", "text_link"].includes(type))).toEqual([]);
  const links = app.getBotMessages().flatMap(({ entities }) => entities.flatMap(({ url }) => url ?? []));
  expect(links.filter((url) => !url.startsWith(app.plane.url))).toEqual([]);
  expect((await app.store.listDeadJobs("updates")).concat(await app.store.listDeadJobs("outbox"))).toEqual([]);
}
