import { expect, test } from "vitest";
import { ADA_USER, GROUP_CHAT, STRANGER_USER, toPlainText } from "../commands/commands-app.ts";
import { createLiveMessagesApp } from "../live-messages-app.ts";

const SUPERGROUP_CHAT = -1_001_234_567_890;

async function createUpgradedGroup() {
  const app = await createLiveMessagesApp({ chats: [GROUP_CHAT, SUPERGROUP_CHAT] });
  const key = await app.startTask("Imhotep", "Paint the door");
  app.telegram.upgradeToSupergroup(GROUP_CHAT, SUPERGROUP_CHAT);
  return { app, key };
}

test("a group that becomes a supergroup gets its queued messages under its new id, and the log asks to set that id", async () => {
  const { app, key } = await createUpgradedGroup();
  await app.askQuestion("Imhotep", key, { text: "Which colour?", choices: ["Blue", "Red"] });
  expect(app.getBotMessages(SUPERGROUP_CHAT).map(toPlainText)).toEqual([expect.stringContaining("Which colour?")]);
  expect(app.logged.filter(({ to }) => to === SUPERGROUP_CHAT)).toMatchObject([{ level: "error", chat: GROUP_CHAT }]);
  expect(await app.store.listDeadJobs("outbox")).toEqual([]);
});

test("a group that becomes a supergroup has its buttons, replies and commands handled under its new id, of authorized users only", async () => {
  const { app, key } = await createUpgradedGroup();
  await app.askQuestion("Imhotep", key, { text: "Which colour?", choices: ["Blue", "Red"] });
  const [question] = app.getBotMessages(SUPERGROUP_CHAT);
  const red = question?.buttons.flat()[1]?.callback_data ?? "";
  const press = async (from: number) => {
    const pressed = await app.telegram.press(SUPERGROUP_CHAT, from, question?.id ?? 0, red);
    await app.pollUpdates();
    return pressed.answers;
  };
  expect(await press(STRANGER_USER)).toEqual([]);
  expect(await press(ADA_USER)).toEqual(["Answered by Ada (Telegram): Red"]);
  expect(toPlainText(app.getBotMessages(SUPERGROUP_CHAT)[0])).toContain("Answered by Ada (Telegram)");
  await app.telegram.postAsUser(SUPERGROUP_CHAT, ADA_USER, `/plane task ${key}`);
  await app.pollUpdates();
  expect(toPlainText(app.getBotMessages(SUPERGROUP_CHAT).at(-1))).toContain("Paint the door");
});

test("a group that becomes a supergroup has no message edited that now has the number of an older one", async () => {
  const { app, key } = await createUpgradedGroup();
  const old = app.getBotMessages()[0]?.id ?? 0;
  for (let n = 0; n < 2; n += 1) {
    await app.actAs("Imhotep").report(key, { percent: 10 * (n + 1) });
    await app.advanceAndDrain(20_000);
  }
  await app.askQuestion("Imhotep", key, { text: "Which colour?" });
  const edits = app.telegram.calls.filter(
    ({ method, chat }) => method === "editMessageText" && chat === `${SUPERGROUP_CHAT}`,
  );
  expect(edits).toEqual([]);
  expect(old).toBeGreaterThan(0);
});

test("a group that becomes a supergroup is not followed endlessly when it migrates again and again", async () => {
  const app = await createLiveMessagesApp({ chats: [GROUP_CHAT, SUPERGROUP_CHAT] });
  const key = await app.startTask("Imhotep", "Paint the door");
  app.telegram.upgradeToSupergroup(GROUP_CHAT, SUPERGROUP_CHAT);
  app.telegram.upgradeToSupergroup(SUPERGROUP_CHAT, GROUP_CHAT);
  await app.askQuestion("Imhotep", key, { text: "Which colour?" });
  expect(app.telegram.calls.length).toBeLessThan(20);
});

test("a group that becomes a supergroup does not make commands of another group valid", async () => {
  const { app, key } = await createUpgradedGroup();
  await app.askQuestion("Imhotep", key, { text: "Which colour?" });
  await app.telegram.postAsUser(SUPERGROUP_CHAT - 1, ADA_USER, "/plane status");
  await app.pollUpdates();
  expect(app.getBotMessages(SUPERGROUP_CHAT)).toHaveLength(1);
});

test("a group that becomes a supergroup has its commands answered at once, also when nothing was sent in between", async () => {
  const app = await createLiveMessagesApp({ chats: [GROUP_CHAT, SUPERGROUP_CHAT] });
  app.telegram.upgradeToSupergroup(GROUP_CHAT, SUPERGROUP_CHAT);
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
