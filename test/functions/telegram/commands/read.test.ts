import { describe, expect, test } from "vitest";
import { keptTask } from "../../../../shared/work/find.ts";
import { askHuman } from "../../../../shared/work/question.ts";
import { CHAT, createCommandsRig, plainly } from "./rig.ts";

describe("NOTIF-06 /plane status", () => {
  test("tells the projects with their bars, who works on what since when, what is blocked and how old it is", async () => {
    const rig = await createCommandsRig();
    const mail = rig.task("Write the welcome mail", "Imhotep");
    const form = rig.task("Make the form", "Thot");
    rig.plane.relate(form, mail);
    rig.task("Old", [], { state: "Done" });
    await rig.begin();
    await rig.work("Imhotep").setStatus("ONB-1", { status: "in_progress" });
    await rig.work("Imhotep").report("ONB-1", { percent: 40 });
    await rig.settle();
    rig.pass(180_000);
    const text = await rig.ask("/plane status");
    expect(text).toMatch(/^📊 Status\nOnboarding \(ONB\)\n▓▓▓░░░░░░░ 33% · 1 of 3 closed\n/);
    expect(text).toMatch(/At work\n🔵 ONB-1 Write the welcome mail \(Imhotep, since 08:00, 40%\)/);
    expect(text).toMatch(/Blocked\n⛔ ONB-2 Make the form \(Thot, waits for ONB-1\)/);
    expect(text).toMatch(/🕓 Plane was read 3 min ago/);
  });

  test("costs Plane no request", async () => {
    const rig = await createCommandsRig();
    rig.task("Write the welcome mail", "Imhotep");
    await rig.begin();
    expect(await rig.requests(() => rig.say("/plane status"))).toEqual([]);
    expect(await rig.requests(() => rig.say("/plane task ONB-1"))).toEqual([]);
    expect(await rig.requests(() => rig.say("/plane agent Imhotep"))).toEqual([]);
  });

  test("says so when nothing is followed yet", async () => {
    const rig = await createCommandsRig();
    expect(await rig.ask("/plane status")).toMatch(
      /No project is followed yet.[\s\S]*Nobody is at work.[\s\S]*not been read/,
    );
  });

  test("what waits for a human's review is under what waits for you", async () => {
    const rig = await createCommandsRig();
    rig.task("Write the welcome mail", "Imhotep", { state: "In Progress" });
    await rig.begin();
    await rig.work("Imhotep").setStatus("ONB-1", { status: "in_progress" });
    await rig.work("Imhotep").setStatus("ONB-1", { status: "done", text: "Written", confidence: 0.4 });
    await rig.settle();
    expect(await rig.ask("/plane status")).toMatch(
      /Waiting for you\n🔍 ONB-1 Write the welcome mail \(Imhotep.*in review\)/,
    );
  });
});

test("NOTIF-06 an agent's open question is under what waits for you", async () => {
  const rig = await createCommandsRig();
  const item = rig.task("Write the welcome mail", "Imhotep");
  await rig.begin();
  const task = await keptTask(rig.deps, item.id);
  if (!task) throw new Error("not kept");
  await askHuman(rig.acting("Imhotep"), task, { text: "Formal or <b>friendly</b>?" });
  expect(await rig.ask("/plane status")).toMatch(
    /Waiting for you\n❓ ONB-1 Write the welcome mail \(Imhotep, since 08:00\): Formal or <b>friendly<\/b>\?/,
  );
});

test("NOTIF-08 /plane digest says the digest as it is now", async () => {
  const rig = await createCommandsRig();
  rig.task("Write the welcome mail", "Imhotep", { target_date: "2026-11-21" });
  await rig.begin();
  const text = await rig.ask("/plane digest");
  expect(text).toMatch(/^📋 /);
  expect(text).toContain("ONB-1 Write the welcome mail");
});

describe("NOTIF-06 names", () => {
  test("match by identifier, name, part of a name, without accents and in any case", async () => {
    const rig = await createCommandsRig();
    rig.project("Équipe produit", "EQ");
    await rig.begin();
    for (const name of ["EQ", "eq", "équipe produit", "EQUIPE", "produit", "quipe"])
      expect(await rig.ask(`/plane project ${name}`), name).toContain("Équipe produit (EQ)");
    for (const name of ["Imhotep", "imho", "HOTEP"])
      expect(await rig.ask(`/plane agent ${name}`)).toContain("👤 Imhotep");
  });

  test("a task is found by key in any case, by number and by a part of its title", async () => {
    const rig = await createCommandsRig();
    rig.task("Rédiger le courriel d’accueil");
    await rig.begin();
    for (const name of ["ONB-1", "onb-1", "1", "#1", "courriel", "REDIGER"])
      expect(await rig.ask(`/plane task ${name}`), name).toContain("ONB-1 Rédiger le courriel");
  });

  test("several that fit are asked about with buttons, and the message then shows the one that was pressed", async () => {
    const rig = await createCommandsRig();
    rig.task("Mail to Ada");
    rig.task("Mail to Bob");
    await rig.begin();
    const [question] = await rig.say("/plane task mail");
    expect(plainly(question)).toBe("Which task do you mean?");
    expect(question?.buttons.flat().map(({ text }) => text)).toEqual(["ONB-1 Mail to Ada", "ONB-2 Mail to Bob"]);
    expect(await rig.press(question, /Bob/)).toEqual([""]);
    expect(plainly(rig.shown().at(-1))).toContain("ONB-2 Mail to Bob");
    expect(rig.shown()).toHaveLength(1);
    expect(rig.shown()[0]?.buttons).toEqual([]);
  });

  test("a button that was pressed before says kindly that it is over", async () => {
    const rig = await createCommandsRig();
    rig.task("Mail to Ada");
    rig.task("Mail to Bob");
    await rig.begin();
    const [question] = await rig.say("/plane task mail");
    const before = { ...question, buttons: question?.buttons ?? [] } as NonNullable<typeof question>;
    await rig.press(question, /Ada/);
    expect(await rig.press(before, /Bob/)).toEqual(["Ada (Telegram) has chosen already."]);
    rig.pass(2 * 86_400_000);
    expect(await rig.press(before, /Bob/)).toEqual(["This button is no longer valid. Send the command again."]);
    expect(plainly(rig.shown()[0])).toContain("ONB-1");
  });

  test("nothing that fits: the nearest name, to be pressed; far from all: what there is", async () => {
    const rig = await createCommandsRig();
    await rig.begin();
    const [answer] = await rig.say("/plane agent Imotep");
    expect(plainly(answer)).toBe("There is no agent “Imotep”.\nDid you mean this?");
    await rig.press(answer, "Imhotep");
    expect(plainly(rig.shown().at(-1))).toContain("👤 Imhotep");
    expect(await rig.ask("/plane agent Cleopatra")).toBe(
      "There is no agent “Cleopatra”.\nAgents: Concierge, Imhotep, Thot",
    );
    expect(await rig.ask("/plane project zzzzzzzzzz")).toContain("Projects: Onboarding (ONB)");
    expect(await rig.ask("/plane task ONB-99")).toMatch(/^There is no open task “ONB-99”/);
  });
});

describe("NOTIF-06 commands", () => {
  test("a mistyped word gets the nearest right one, and its button does what was meant", async () => {
    const rig = await createCommandsRig();
    rig.task("Mail");
    await rig.begin();
    const [answer] = await rig.say("/plane tsak ONB-1");
    expect(plainly(answer)).toBe("There is no command “tsak”.\nDid you mean this?");
    await rig.press(answer, "/plane task ONB-1");
    expect(plainly(rig.shown().at(-1))).toContain("ONB-1 Mail");
    expect(await rig.ask("/plane abracadabra")).toBe("There is no command “abracadabra”. /plane help");
  });

  test("help lists every command, and /plane alone is help", async () => {
    const rig = await createCommandsRig();
    const help = await rig.ask("/plane help");
    for (const name of ["status", "project", "agent", "task", "new", "assign", "block", "mute"])
      expect(help).toContain(`/plane ${name}`);
    expect(await rig.ask("/plane")).toBe(help);
  });

  test("a command without what it needs says how it is written", async () => {
    const rig = await createCommandsRig();
    expect(await rig.ask("/plane task")).toBe("Write it like this: /plane task <key>");
    expect(await rig.ask("/plane assign")).toBe("Write it like this: /plane assign <key> <agent>");
  });

  test("a long answer is paged with buttons, and nothing of it is cut", async () => {
    const rig = await createCommandsRig();
    for (let n = 1; n <= 70; n += 1) rig.task(`Task number ${n}`, "Imhotep");
    await rig.begin();
    const [first] = await rig.say("/plane agent Imhotep");
    const seen = [plainly(first)];
    for (let page = 2; ; page += 1) {
      const message = rig.shown().at(-1);
      if (!message?.buttons.flat().some(({ text }) => text.endsWith("▶"))) break;
      await rig.press(message, /▶$/);
      seen.push(plainly(rig.shown().at(-1)));
      expect(page).toBeLessThan(10);
    }
    for (let n = 1; n <= 70; n += 1) expect(seen.join("\n")).toMatch(new RegExp(`Task number ${n}\\b`));
    await rig.press(rig.shown().at(-1), /^◀/);
    expect(plainly(rig.shown().at(-1))).toBe(seen.at(-2));
    expect(rig.shown()).toHaveLength(1);
  });

  test("everything known of a task is told: card, blockers, times", async () => {
    const rig = await createCommandsRig({ config: { budget: { amount: 100, currency: "EUR" } } });
    rig.task("Write <b>the</b> mail", "Imhotep", {
      priority: "high",
      target_date: "2026-12-03",
      description_html: "<p>Be <b>kind</b></p>",
    });
    await rig.begin();
    await rig.work("Imhotep").setStatus("ONB-1", { status: "in_progress" });
    await rig.work("Imhotep").report("ONB-1", { percent: 60, text: "half of it", confidence: 0.9, cost: 1.5 });
    await rig.settle();
    const text = await rig.ask("/plane task ONB-1");
    for (const line of [
      "🔵 ONB-1 Write <b>the</b> mail",
      "Status: in progress",
      "Agent: Imhotep",
      "At work: Imhotep since 08:00",
      "Priority: high",
      "Due: Dec 3, 2026",
      "Progress: 60%",
      "Last word: half of it",
      "Confidence: 90%",
      "Cost: €1.50",
      "Text: Be **kind**",
    ])
      expect(text).toContain(line);
  });
});

test("with LOCALE auto everybody is answered in their own language", async () => {
  const rig = await createCommandsRig({ env: { LOCALE: "auto", TELEGRAM_ALLOWED_USERS: "4711,4712" } });
  rig.telegram.speaks(4712, "fr-CA");
  await rig.begin();
  expect(await rig.ask("/plane status", { from: 4712 })).toContain("📊 État");
  expect(await rig.ask("/plane statut", { from: 4711 })).toContain("📊 Status");
});

test("an answer replies to the question, in its topic", async () => {
  const rig = await createCommandsRig();
  await rig.begin();
  const [answer] = await rig.say("/plane status", { topic: 7 });
  expect(answer).toMatchObject({ topic: 7 });
  expect(answer?.replyTo).toBe(rig.telegram.chat(-100_200).messages.find(({ from }) => from === 4711)?.id);
});

test("an answer to a command that is a reply goes into the group: only forums have topics", async () => {
  const rig = await createCommandsRig();
  await rig.begin();
  await rig.say("/plane status");
  const [status] = rig.shown();
  const [answer] = await rig.say("/plane help", status && { replyTo: status.id });
  expect(answer).toMatchObject({ text: expect.stringContaining("/plane digest") });
  expect(await rig.store.dead("outbox")).toEqual([]);
});

test("an answer that a closed topic does not take keeps no other waiting", async () => {
  const rig = await createCommandsRig();
  await rig.begin();
  rig.telegram.setTopic(CHAT, 7, "closed");
  expect(await rig.say("/plane status", { topic: 7 })).toEqual([]);
  expect(await rig.ask("/plane help")).toContain("/plane digest");
});
