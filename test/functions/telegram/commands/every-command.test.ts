import { expect, test } from "vitest";
import { parseScheduleCommand } from "../../../../shared/i18n/parse-schedule.ts";
import { getTexts } from "../../../../shared/i18n/texts.ts";
import { listSchedules } from "../../../../shared/schedules/list-schedules.ts";
import { ADA_USER, createCommandsApp, GROUP_CHAT, toPlainText } from "./commands-app.ts";

test("RECUR-02 /plane every reads back what was understood, and creates it once when the project is tapped", async () => {
  const app = await createCommandsApp();
  await app.runFirstPoll();
  const [question] = await app.sendMessage("/plane every monday 9:00 check the backups @thot\nAll of them");
  expect(toPlainText(question)).toBe(
    [
      "🔁 check the backups",
      "every Monday at 9:00",
      "Assigned to Thot",
      "Next: Nov 23, 2026 09:00 · Nov 30, 2026 09:00 · Dec 7, 2026 09:00",
      "Nothing is created before you tap the project.",
    ].join("\n"),
  );
  expect(app.plane.items(app.onb)).toEqual([]);
  await app.pressButton(question, "Create in Onboarding");
  const [template] = app.plane.items(app.onb);
  expect(app.readPlaneItem(template ?? { id: "" })).toMatchObject({
    name: "check the backups",
    state: "Backlog",
    assignees: ["Thot"],
    labels: expect.arrayContaining(["recurring"]),
  });
  expect(template?.description_html).toContain("All of them");
  expect(await listSchedules(app.deps)).toMatchObject([{ cron: "0 9 * * 1", name: "check the backups", key: "ONB-1" }]);
  await app.telegram.press(GROUP_CHAT, ADA_USER, question?.id ?? 0, question?.buttons[0]?.[0]?.callback_data ?? "");
  await app.pollUpdates();
  expect(app.plane.items(app.onb)).toHaveLength(1);
  const replaced = app.getBotMessages().find(({ id }) => id === question?.id);
  expect(toPlainText(replaced)).toBe("🔁 Recurs every Monday at 9:00: ONB-1 check the backups");
});

test("RECUR-02 with several projects each has a button, unless the title begins with one", async () => {
  const app = await createCommandsApp();
  const web = app.plane.addProject({ identifier: "WEB", name: "Website" });
  await app.runFirstPoll();
  const [question] = await app.sendMessage("/plane every day at 8 stand-up");
  expect(question?.buttons.flat().map(({ text }) => text)).toEqual(["Create in Onboarding", "Create in Website"]);
  const [named] = await app.sendMessage("/plane every day at 8 WEB stand-up");
  expect(named?.buttons.flat().map(({ text }) => text)).toEqual(["Create in Website"]);
  await app.pressButton(named, /Website/);
  expect(app.plane.items(web)).toMatchObject([{ name: "stand-up" }]);
});

test("RECUR-02 words that are no schedule are refused with the forms that are", async () => {
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
  expect(app.plane.items(app.onb)).toEqual([]);
});

test("RECUR-02 each form that a refusal names is one", () => {
  for (const locale of ["en", "fr"] as const) {
    const forms = getTexts(locale).schedules.forms.split(/:\s/).slice(1).join(": ").split(" · ");
    expect(forms.length).toBeGreaterThan(5);
    for (const form of forms) expect(parseScheduleCommand(form), form).toMatchObject({ rest: "" });
  }
});
