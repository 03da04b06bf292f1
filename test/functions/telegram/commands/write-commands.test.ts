import { expect, test } from "vitest";
import { listSchedules } from "../../../../shared/schedules/list-schedules.ts";
import type { WakeRecord } from "../../../../shared/tasks/wakes.ts";
import { createCommandsApp, toPlainText } from "./commands-app.ts";

/** A commands app with a task of Imhotep, ONB-1 Mail. */
async function createMailApp(title = "Mail", options: Parameters<typeof createCommandsApp>[0] = {}) {
  const app = await createCommandsApp(options);
  const item = app.addTask(title, "Imhotep");
  await app.runFirstPoll();
  return { app, item };
}

test("/plane new creates a task in the project with the longest matching name; the lines after the first are its description", async () => {
  const app = await createCommandsApp();
  const site = app.plane.addProject({ identifier: "WEB", name: "Website" });
  const shop = app.plane.addProject({ identifier: "SHOP", name: "Website Shop" });
  await app.runFirstPoll();
  for (const [words, created] of [
    ["ONB Écrire le guide\nAvec *soin*", "ONB-1 Écrire le guide"],
    ["onboarding Another one", "ONB-2 Another one"],
    ["website  shop Sell hats", "SHOP-1 Sell hats"],
    ["Website shops are slow", "WEB-1 shops are slow"],
    ["web: Sell gloves", "WEB-2 Sell gloves"],
    ["Website Shop – Sell scarves", "SHOP-2 Sell scarves"],
  ])
    expect(await app.sendAndGetReply(`/plane new ${words}`)).toBe(`🆕 Created: ${created}`);
  expect(app.plane.items(app.onb)[0]?.description_html).toContain("<em>soin</em>");
  expect([app.plane.items(site), app.plane.items(shop)].map((items) => items.length)).toEqual([2, 2]);
});

test("/plane new without a project wakes the Concierge with the request, or says why it cannot", async () => {
  const app = await createCommandsApp({ agents: { Concierge: { role: "concierge", wake: { kind: "openclaw" } } } });
  app.plane.addProject({ identifier: "ADR", name: "Addresses" });
  await app.runFirstPoll();
  expect(await app.sendAndGetReply("/plane new Organise the party; rm -rf /")).toBe(
    "📨 Sent to Concierge for planning: Organise the party; rm -rf /",
  );
  const [stored] = await app.store.read<WakeRecord>(["wake:Concierge"]);
  expect(stored?.value.pending).toMatchObject([{ reason: "asked_for", text: "Organise the party; rm -rf /" }]);
  // The first word is part of a project's name.
  expect(await app.sendAndGetReply("/plane new add dark mode")).toMatch(/^📨 Sent to Concierge/);
  const none = await createCommandsApp({ agents: { Concierge: { role: "worker" } } });
  await none.runFirstPoll();
  expect(await none.sendAndGetReply("/plane new Organise the party")).toMatch(/Name a project: no agent .* Concierge/);
});

test("/plane assign sets the agent as assignee and label, keeps other labels, and asks if several match", async () => {
  const app = await createCommandsApp();
  const item = app.addTask("Mail", "Thot", { labels: [app.plane.addLabel(app.onb, "code").id] });
  await app.runFirstPoll();
  expect(await app.sendAndGetReply("/plane assign ONB-1 imho")).toBe("👤 Assigned ONB-1 Mail to Imhotep");
  expect(app.readPlaneItem(item)).toMatchObject({ assignees: ["Imhotep"] });
  expect(app.readPlaneItem(item).labels.sort()).toEqual(["agent:Imhotep", "code"]);
  const [question] = await app.sendMessage("/plane assign 1 ho");
  expect(question?.buttons.flat().map(({ text }) => text)).toEqual(["Imhotep", "Thot"]);
  await app.tapButton(question, "Thot");
  expect(toPlainText(app.getBotMessages().at(-1))).toBe("👤 Assigned ONB-1 Mail to Thot");
});

test("/plane block, unblock and cancel change the status in Plane, with the reason as a plain text comment", async () => {
  const { app, item } = await createMailApp();
  expect(await app.sendAndGetReply("/plane block ONB-1: <b>the</b> lawyer")).toBe("⛔ Blocked: ONB-1 Mail");
  expect(app.readPlaneItem(item).labels).toContain("blocked");
  expect(app.readComments(item).join()).toContain("<p>&#x3C;b>the&#x3C;/b> lawyer</p>");
  expect(await app.sendAndGetReply("/plane block ONB-1")).toBe("ℹ️ No change needed: ONB-1 Mail");
  expect(await app.sendAndGetReply("/plane unblock ONB-1.")).toBe("🟢 Unblocked: ONB-1 Mail");
  expect(app.readPlaneItem(item).labels).not.toContain("blocked");
  expect(await app.sendAndGetReply("/plane unblock ONB-1")).toBe("ℹ️ This task is not blocked: ONB-1 Mail");
  expect(await app.sendAndGetReply("/plane approve ONB-1")).toBe("ℹ️ No ticket and no review waits here: ONB-1 Mail");
  const [question] = await app.sendMessage("/plane cancel mai");
  expect(toPlainText(question)).toBe("Did you mean this task?");
  expect(app.readPlaneItem(item).state).not.toBe("Cancelled");
  await app.tapButton(question, /ONB-1/);
  expect(toPlainText(app.getBotMessages().find(({ id }) => id === question?.id))).toBe("✖️ Cancelled: ONB-1 Mail");
  expect(app.readPlaneItem(item).state).toBe("Cancelled");
  expect(await app.sendAndGetReply("/plane block ONB-1")).toBe("ℹ️ This task is already closed: ONB-1 Mail");
});

test("/plane due sets and removes the due date with one request each, counted in the settings' time zone, and refuses what is no date", async () => {
  const app = await createCommandsApp({ env: { TIMEZONE: "Pacific/Kiritimati" } });
  app.addTask("Mail", "Imhotep");
  app.addTask("Letter", "Imhotep", { start_date: "2026-12-10" });
  await app.runFirstPoll();
  const today = new Intl.DateTimeFormat("sv", { timeZone: "Pacific/Kiritimati" }).format(app.time.now);
  const readDue = () => app.plane.items(app.onb)[0]?.target_date;
  expect(await app.sendAndGetReply("/plane due ONB-1 today")).toMatch(/^📅 Due .* 2026: ONB-1 Mail$/);
  expect(readDue()).toBe(today);
  expect(await app.sendAndGetReply("/plane due ONB-1 today")).toBe("ℹ️ No change needed: ONB-1 Mail");
  app.plane.ledger.clear();
  expect(await app.sendAndGetReply("/plane due ONB-1 -")).toBe("📅 Due date removed: ONB-1 Mail");
  expect(app.plane.ledger.requests.map(({ method }) => method).filter((method) => method !== "GET")).toEqual(["PATCH"]);
  for (const [words, refusal] of [
    ["ONB-1 soon", "⚠️ “soon” is not a valid date. Use 2026-12-01, tomorrow, friday, 3d, or - for no date."],
    ["ONB-2 2026-12-01", "⚠️ The due date must not be before the start date, Dec 10, 2026."],
    ["ONB-1", "Usage: /plane due <key> <date>"],
  ])
    expect(await app.sendAndGetReply(`/plane due ${words}`)).toBe(refusal);
  expect(readDue()).toBeNull();
});

test("/plane done completes a task, with the summary as a comment, and ends the claim of its agent", async () => {
  const { app, item } = await createMailApp();
  await app.actAs("Imhotep").setStatus("ONB-1", { status: "in_progress" });
  expect(await app.sendAndGetReply("/plane terminé ONB-1 Sent <b>by</b> hand")).toBe("✅ Done: ONB-1 Mail");
  expect(app.readPlaneItem(item).state).toBe("Done");
  expect(app.readComments(item).join()).toContain("Sent &#x3C;b>by&#x3C;/b> hand");
  await expect(app.actAs("Imhotep").setStatus("ONB-1", { status: "blocked", text: "x" })).rejects.toThrow(/ONB-1/);
  expect(await app.sendAndGetReply("/plane done ONB-1")).toBe("ℹ️ No change needed: ONB-1 Mail");
});

test("/plane comment writes a comment in the person's name; part of a title is asked about first", async () => {
  const { app, item } = await createMailApp("Send the welcome mail");
  expect(await app.sendAndGetReply("/plane comment ONB-1 Please use <b>blue</b>")).toBe(
    "💬 Passed on to Imhotep: ONB-1 Send the welcome mail",
  );
  await app.runUntilIdle();
  expect(app.readComments(item).join()).toMatch(/Ada \(Telegram\).*Please use &#60;b&#62;blue&#60;\/b&#62;/s);
  expect(await app.sendAndGetReply("/plane comment ONB-1")).toBe("Usage: /plane comment <key> <text>");
  const [question] = await app.sendMessage("/plane comment welcome and a picture");
  expect(toPlainText(question)).toBe("Did you mean this task?");
  await app.tapButton(question, /ONB-1/);
  await app.runUntilIdle();
  const comments = app.readComments(item).filter((text) => !text.includes("Agent card"));
  expect(comments.filter((text) => text.includes("and a picture"))).toHaveLength(1);
});

test("/plane mute stops notifications of a task or a project for the given time, and unmute resumes them", async () => {
  const app = await createCommandsApp();
  app.plane.addProject({ identifier: "WEB", name: "Website" });
  app.plane.addProject({ identifier: "SHOP", name: "Website Shop" });
  const [one, two, three] = ["One", "Two", "Three"].map((name) => app.addTask(name));
  await app.runFirstPoll();
  const complete = async (item = one) => {
    app.plane.editItem(item ?? "", { state: "Done" });
    await app.deliverWebhooks();
    await app.runUntilIdle();
    return toPlainText(app.getBotMessages().at(-1));
  };
  const muted = await app.sendAndGetReply("/plane mute ONB 2h");
  expect(muted).toMatch(/^🔕 Muted until 10:00: Onboarding \(ONB\)\nQuestions/);
  expect(await complete(one)).toBe(muted);
  app.advance(2 * 3_600_000);
  expect(await complete(two)).toContain("ONB-2");
  app.advance(60_000);
  expect(await app.sendAndGetReply("/plane mute ONB-3")).toMatch(/^🔕 Muted until you unmute: ONB-3 Three/);
  expect(await app.sendAndGetReply("/plane unmute ONB-3")).toBe("🔔 Unmuted: ONB-3 Three");
  expect(await app.sendAndGetReply("/plane unmute ONB-3")).toBe("ℹ️ This is not muted: ONB-3 Three");
  expect(await complete(three)).toContain("ONB-3");
  expect(await app.sendAndGetReply("/plane mute Website for 2h")).toMatch(/^🔕 Muted until \d.*: Website \(/);
  expect(await app.sendAndGetReply("/plane mute website shop")).toMatch(/^🔕 Muted until you unmute: Website Shop/);
  expect(await app.sendAndGetReply("/plane mute website until noon")).toContain("“until noon” is not a valid duration");
});

test("RECUR-02 /plane every refuses what is no schedule with the forms that are, reads back what was understood, and creates it once when the project is tapped", async () => {
  const app = await createCommandsApp();
  await app.runFirstPoll();
  for (const [words, why] of [
    ["every now and then check", "“now and then check” is not understood as a schedule."],
    ["every 2 weeks check", "“2 weeks check” cannot be counted"],
    ["every day at 9:00 and 14:30 check", "needs two schedules"],
    ["every year on 30 february check", "never comes"],
  ]) {
    const reply = await app.sendAndGetReply(`/plane ${words}`);
    expect(reply).toContain(why);
    expect(reply).toContain("Write for example: every monday 9:00 · ");
  }
  expect(await app.sendAndGetReply("/plane every monday 9:00")).toContain("What recurs?");
  expect(await app.sendAndGetReply("/plane every monday 9:00 check @thot @imhotep")).toContain("one assignee only");
  expect(await app.sendAndGetReply("/plane every monday 9:00 check @nobody")).toContain("nobody");
  const [question] = await app.sendMessage("/plane every monday 9:00 check the backups @thot\nAll of them");
  expect(toPlainText(question)).toBe(
    "🔁 check the backups\nevery Monday at 9:00\nAssigned to Thot\n" +
      "Next: Nov 23, 2026 09:00 · Nov 30, 2026 09:00 · Dec 7, 2026 09:00\n" +
      "Nothing is created before you tap the project.",
  );
  expect(app.plane.items(app.onb)).toEqual([]);
  const create = question?.buttons[0]?.[0]?.callback_data ?? "";
  await app.tapButton(question, "Create in Onboarding");
  const [template] = app.plane.items(app.onb);
  const labels = expect.arrayContaining(["recurring"]);
  const made = { name: "check the backups", state: "Backlog", assignees: ["Thot"], labels };
  expect(app.readPlaneItem(template ?? { id: "" })).toMatchObject(made);
  expect(template?.description_html).toContain("All of them");
  expect(await listSchedules(app.deps)).toMatchObject([{ cron: "0 9 * * 1", name: "check the backups", key: "ONB-1" }]);
  await app.tapButtonData(question?.id ?? 0, create);
  expect(app.plane.items(app.onb)).toHaveLength(1);
  const replaced = app.getBotMessages().find(({ id }) => id === question?.id);
  expect(toPlainText(replaced)).toBe("🔁 Recurs every Monday at 9:00: ONB-1 check the backups");
});
