import { expect, test } from "vitest";
import { HOUR } from "../../../../shared/time.ts";
import { toPlainText } from "../commands/commands-app.ts";
import { createLiveMessagesApp, type LiveMessagesApp } from "../live-messages-app.ts";

const findLists = (app: LiveMessagesApp) =>
  app.getBotMessages().filter((message) => /^(?:🙋|⬇️|✅ Nothing)/u.test(toPlainText(message)));

async function askThree(app: LiveMessagesApp): Promise<string[]> {
  const keys: string[] = [];
  for (const title of ["One", "Two", "Three"]) {
    const key = app.toTaskKey(app.addTask(title, "Imhotep"));
    await app.poll();
    await app.askQuestion("Imhotep", key, { text: `**${title}**?` });
    keys.push(key);
  }
  return keys;
}

test("one edited message lists what waits for a person, with links, from the second request on", async () => {
  const app = await createLiveMessagesApp();
  const [one, two, three] = await askThree(app);
  await app.advanceAndDrain(10_000);
  const [list, ...others] = findLists(app);
  expect(others).toEqual([]);
  const lines = [`${one} One`, `${two} Two`, `${three} Three`].map(
    (title) => `❓ ${title} (Imhotep, since 08:00): ${title.split(" ")[1]}?`,
  );
  expect(toPlainText(list)).toBe(["🙋 3 wait for you", ...lines].join("\n"));
  expect(list?.entities.filter(({ type }) => type === "text_link")).toHaveLength(3);
  for (const title of ["One", "Two", "Three"]) {
    await app.replyTo(findQuestion(app, title), "yes");
    await app.advanceAndDrain(10_000);
  }
  expect(findLists(app).map(toPlainText)).toEqual(["✅ Nothing waits for you."]);
});

/** The message of a question, as opposed to its line in the list. */
const findQuestion = (app: LiveMessagesApp, title: string) =>
  app.getBotMessages().find((message) =>
    toPlainText(message).includes(`
${title}?`),
  );

test("the reminders of several requests are one message: the list moves to the end of the chat, with a sound", async () => {
  const app = await createLiveMessagesApp();
  await askThree(app);
  await app.advanceAndDrain(10_000);
  const before = app.getBotMessages().length;
  app.advance(HOUR);
  await app.advanceAndDrain(120_000);
  expect(app.getBotMessages()).toHaveLength(before + 1);
  expect(findLists(app).map((message) => toPlainText(message).split("\n")[0])).toEqual([
    "⬇️ The list of what waits for you is further down.",
    "🙋 3 wait for you",
  ]);
});
