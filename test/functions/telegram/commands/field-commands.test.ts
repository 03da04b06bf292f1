import { expect, test } from "vitest";
import { parseDueDate } from "../../../../functions/telegram/commands/arguments.ts";
import { createCommandsApp, toPlainText } from "./commands-app.ts";

/** A Sunday. */
const TODAY = "2026-11-22";

test("a due date is a date, a weekday, words or a distance, and 01/12/2026 is read day first in French only", () => {
  const dates: Record<string, string[]> = {
    "2026-11-22": ["today", "aujourd’hui"],
    "2026-11-23": ["Tomorrow", "demain", "lun"],
    "2026-11-24": ["après-demain", "day after tomorrow", "the day after tomorrow"],
    "2026-11-25": ["in 3 days", "3j"],
    "2026-11-27": ["friday", "on Friday", "this friday", "vendredi"],
    "2026-11-29": ["sunday", "in a week", "dans une semaine"],
    "2026-12-01": ["2026-12-01", "1.12.2026"],
    "2026-12-06": ["dans 2 semaines"],
  };
  for (const [date, texts] of Object.entries(dates))
    for (const text of texts) expect(parseDueDate(text, TODAY, "en"), text).toBe(date);
  for (const text of ["-", "—", "aucune"]) expect(parseDueDate(text, TODAY, "en"), text).toBeNull();
  for (const text of ["2026-02-30", "31.11.2026", "soon", "", "next friday", "01/12/2026"])
    expect(parseDueDate(text, TODAY, "en"), text).toBeUndefined();
  expect(parseDueDate("01/12/2026", TODAY, "fr")).toBe("2026-12-01");
});

test("/plane due sets and removes the due date with one request each, counted in the settings' time zone", async () => {
  const app = await createCommandsApp({ env: { TIMEZONE: "Pacific/Kiritimati" } });
  const item = app.addTask("Mail", "Imhotep");
  await app.runFirstPoll();
  const today = new Intl.DateTimeFormat("sv", { timeZone: "Pacific/Kiritimati" }).format(app.time.now);
  expect(await app.sendAndGetReply("/plane due ONB-1 today")).toMatch(/^📅 Due .* 2026: ONB-1 Mail$/);
  expect(app.plane.items(app.onb)[0]).toMatchObject({ target_date: today });
  expect(await app.sendAndGetReply("/plane due ONB-1 today")).toBe("ℹ️ No change needed: ONB-1 Mail");
  app.plane.ledger.clear();
  expect(await app.sendAndGetReply("/plane due ONB-1 -")).toBe("📅 Due date removed: ONB-1 Mail");
  expect(app.plane.ledger.requests.map(({ method }) => method).filter((method) => method !== "GET")).toEqual(["PATCH"]);
  expect(app.plane.items(app.onb)[0]).toMatchObject({ target_date: null });
  expect(app.readPlaneItem(item)).toBeDefined();
});

test("/plane due refuses what is no date, a day before the start, and a closed task, and changes nothing", async () => {
  const app = await createCommandsApp();
  app.addTask("Mail", "Imhotep", { start_date: "2026-12-10" });
  await app.runFirstPoll();
  expect(await app.sendAndGetReply("/plane due ONB-1 soon")).toBe(
    "⚠️ “soon” is not a valid date. Use 2026-12-01, tomorrow, friday, 3d, or - for no date.",
  );
  expect(await app.sendAndGetReply("/plane due ONB-1 2026-12-01")).toBe(
    "⚠️ The due date must not be before the start date, Dec 10, 2026.",
  );
  expect(await app.sendAndGetReply("/plane due ONB-1")).toBe("Usage: /plane due <key> <date>");
  await app.sendAndGetReply("/plane cancel ONB-1");
  expect(await app.sendAndGetReply("/plane due ONB-1 2026-12-20")).toBe("ℹ️ This task is already closed: ONB-1 Mail");
  expect(app.plane.items(app.onb)[0]).toMatchObject({ target_date: null });
});

test("/plane priority takes English and French words, and offers all priorities for any other", async () => {
  const app = await createCommandsApp();
  app.addTask("Mail", "Imhotep");
  await app.runFirstPoll();
  const readPriority = () => app.plane.items(app.onb)[0]?.priority;
  expect(await app.sendAndGetReply("/plane priority ONB-1 urgent")).toBe("❗ Priority urgent: ONB-1 Mail");
  expect(readPriority()).toBe("urgent");
  expect(await app.sendAndGetReply("/plane priorité ONB-1 Élevée")).toBe("❗ Priority high: ONB-1 Mail");
  expect(readPriority()).toBe("high");
  expect(await app.sendAndGetReply("/plane priority ONB-1 haute")).toBe("ℹ️ No change needed: ONB-1 Mail");
  const [question] = await app.sendMessage("/plane priority ONB-1 huge");
  expect(question?.buttons.flat().map(({ text }) => text)).toEqual(["urgent", "high", "medium", "low", "none"]);
  await app.pressButton(question, "none");
  expect(readPriority()).toBe("none");
});

test("/plane done completes a task, with the summary as a comment, and ends the claim of its agent", async () => {
  const app = await createCommandsApp();
  const item = app.addTask("Mail", "Imhotep");
  await app.runFirstPoll();
  await app.actAs("Imhotep").setStatus("ONB-1", { status: "in_progress" });
  expect(await app.sendAndGetReply("/plane done ONB-1 Sent <b>by</b> hand")).toBe("✅ Done: ONB-1 Mail");
  expect(app.readPlaneItem(item).state).toBe("Done");
  expect(app.readComments(item).join()).toContain("Sent &#x3C;b>by&#x3C;/b> hand");
  await expect(app.actAs("Imhotep").setStatus("ONB-1", { status: "blocked", text: "x" })).rejects.toThrow(/ONB-1/);
  expect(await app.sendAndGetReply("/plane done ONB-1")).toBe("ℹ️ No change needed: ONB-1 Mail");
});

test("/plane done approves a task in review, and keeps its summary", async () => {
  const app = await createCommandsApp();
  const item = app.addTask("Mail", "Imhotep");
  await app.runFirstPoll();
  await app.actAs("Imhotep").setStatus("ONB-1", { status: "in_progress" });
  await app.actAs("Imhotep").setStatus("ONB-1", { status: "done", text: "Written", confidence: 0.4 });
  await app.runUntilIdle();
  expect(await app.sendAndGetReply("/plane terminé ONB-1 Very good")).toBe(
    "✅ ONB-1 Mail: Approved by Ada (Telegram): Very good",
  );
  expect(app.readPlaneItem(item).state).toBe("Done");
  expect(app.readComments(item).filter((text) => text.includes("Very good"))).toHaveLength(1);
});

test("/plane comment writes a comment in the person's name; part of a title is asked about first", async () => {
  const app = await createCommandsApp();
  const item = app.addTask("Send the welcome mail", "Imhotep");
  await app.runFirstPoll();
  expect(await app.sendAndGetReply("/plane comment ONB-1 Please use <b>blue</b>")).toBe(
    "💬 Passed on to Imhotep: ONB-1 Send the welcome mail",
  );
  await app.runUntilIdle();
  expect(app.readComments(item).join()).toContain("Please use &#60;b&#62;blue&#60;/b&#62;");
  expect(app.readComments(item).join()).toContain("Ada (Telegram)");
  expect(await app.sendAndGetReply("/plane comment ONB-1")).toBe("Usage: /plane comment <key> <text>");
  const [question] = await app.sendMessage("/plane comment welcome and a picture");
  expect(toPlainText(question)).toBe("Did you mean this task?");
  await app.pressButton(question, /ONB-1/);
  await app.runUntilIdle();
  const comments = app.readComments(item).filter((text) => !text.includes("Agent card"));
  expect(comments.filter((text) => text.includes("and a picture"))).toHaveLength(1);
});
