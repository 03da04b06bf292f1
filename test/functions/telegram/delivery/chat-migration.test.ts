import { expect, test } from "vitest";
import { ADA_USER, GROUP_CHAT, STRANGER_USER, toPlainText } from "../commands/commands-app.ts";
import { createLiveMessagesApp } from "../live-messages-app.ts";

const SUPERGROUP_CHAT = -1_001_234_567_890;

async function createUpgradedGroup() {
  const app = await createLiveMessagesApp({ chats: [GROUP_CHAT, SUPERGROUP_CHAT] });
  app.telegram.upgradeToSupergroup(GROUP_CHAT, SUPERGROUP_CHAT);
  return app;
}

test("a group that becomes a supergroup gets its messages and is heard under its new id, authorized users only", async () => {
  const app = await createUpgradedGroup();
  const key = await app.startTask("Imhotep", "Paint the door");
  await app.askQuestion("Imhotep", key, { text: "Which colour?", choices: ["Blue", "Red"] });
  const findQuestion = () =>
    app.getBotMessages(SUPERGROUP_CHAT).find((message) => toPlainText(message).includes("Which colour?"));
  expect(app.logged.filter(({ to }) => to === SUPERGROUP_CHAT)).toMatchObject([{ level: "error", chat: GROUP_CHAT }]);
  expect(await app.store.listDeadJobs("outbox")).toEqual([]);
  const question = findQuestion();
  expect(await app.tapButton(question, "Red", STRANGER_USER, SUPERGROUP_CHAT)).toBe("");
  expect(await app.tapButton(question, "Red", ADA_USER, SUPERGROUP_CHAT)).toBe("Answered by Ada (Telegram): Red");
  expect(toPlainText(findQuestion())).toContain("Answered by Ada (Telegram)");
  for (const chat of [SUPERGROUP_CHAT, SUPERGROUP_CHAT - 1])
    await app.telegram.postAsUser(chat, ADA_USER, `/plane task ${key}`);
  await app.pollUpdates();
  const answers = app.getBotMessages(SUPERGROUP_CHAT).filter((message) => toPlainText(message).includes("Status:"));
  expect(answers.at(-1)?.replyTo).toBeDefined();
});

test("a group that becomes a supergroup has its commands answered at once, also when nothing was sent in between", async () => {
  const app = await createUpgradedGroup();
  const report = (chat: number, fields: object) =>
    app.telegram.postAsUser(chat, ADA_USER, "", { as: { text: undefined, ...fields } });
  await report(GROUP_CHAT, { migrate_to_chat_id: SUPERGROUP_CHAT });
  await report(SUPERGROUP_CHAT, { migrate_from_chat_id: GROUP_CHAT });
  // Neither another group nor a chat that is no supergroup is followed.
  await report(SUPERGROUP_CHAT - 1, { migrate_from_chat_id: GROUP_CHAT - 1 });
  await report(ADA_USER, { migrate_from_chat_id: GROUP_CHAT });
  await app.telegram.postAsUser(SUPERGROUP_CHAT, ADA_USER, "/plane status");
  await app.telegram.postAsUser(SUPERGROUP_CHAT - 1, ADA_USER, "/plane status");
  await app.pollUpdates();
  expect(app.getBotMessages(SUPERGROUP_CHAT).map(toPlainText)).toEqual([expect.stringContaining("Status")]);
  expect(app.telegram.calls.map(({ chat }) => chat)).toEqual([String(SUPERGROUP_CHAT)]);
});
