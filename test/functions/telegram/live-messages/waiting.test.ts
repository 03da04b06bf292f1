import { expect, test } from "vitest";
import { HOUR } from "../../../../shared/time.ts";
import { toPlainText } from "../commands/commands-app.ts";
import { createLiveMessagesApp } from "../live-messages-app.ts";

test("one edited message lists what waits for a person, and moves to the end of the chat as their one reminder", async () => {
  const app = await createLiveMessagesApp();
  const titles = ["One", "Two", "Three"];
  const keys: string[] = [];
  for (const title of titles) {
    const key = app.toTaskKey(app.addTask(title, "Imhotep"));
    await app.poll();
    await app.askQuestion("Imhotep", key, { text: `**${title}**?` });
    keys.push(key);
  }
  await app.advanceAndDrain(10_000);
  const findLists = () => app.getBotMessages().filter((message) => /^(?:🙋|⬇️|✅ Nothing)/u.test(toPlainText(message)));
  const [list, ...others] = findLists();
  expect(others).toEqual([]);
  const lines = titles.map((title, n) => `❓ ${keys[n]} ${title} (Imhotep, since 08:00): ${title}?`);
  expect(toPlainText(list)).toBe(["🙋 3 wait for you", ...lines].join("\n"));
  expect(list?.entities.filter(({ type }) => type === "text_link")).toHaveLength(3);
  const before = app.getBotMessages().length;
  app.advance(HOUR);
  await app.advanceAndDrain(120_000);
  expect(app.getBotMessages()).toHaveLength(before + 1);
  expect(findLists().map((message) => toPlainText(message).split("\n")[0])).toEqual([
    "⬇️ The list of what waits for you is further down.",
    "🙋 3 wait for you",
  ]);
  for (const title of titles) {
    const question = app.getBotMessages().find((message) => toPlainText(message).includes(`\n${title}?`));
    await app.replyTo(question, "yes");
    await app.advanceAndDrain(10_000);
  }
  expect(toPlainText(findLists().at(-1))).toBe("✅ Nothing waits for you.");
});
