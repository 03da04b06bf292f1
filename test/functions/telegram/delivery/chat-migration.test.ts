import { expect, test } from "vitest";
import { ADA_USER, GROUP_CHAT, STRANGER_USER, toPlainText } from "../commands/commands-app.ts";
import { createLiveMessagesApp } from "../live-messages-app.ts";

const SUPERGROUP_CHAT = -1_001_234_567_890;

async function createUpgradedGroup() {
  const rig = await createLiveMessagesApp({ chats: [GROUP_CHAT, SUPERGROUP_CHAT] });
  const key = await rig.startTask("Imhotep", "Paint the door");
  rig.telegram.upgradeToSupergroup(GROUP_CHAT, SUPERGROUP_CHAT);
  return { rig, key };
}

test("a group that becomes a supergroup gets its queued messages under its new id, and the log asks to set that id", async () => {
  const { rig, key } = await createUpgradedGroup();
  await rig.askQuestion("Imhotep", key, { text: "Which colour?", choices: ["Blue", "Red"] });
  expect(rig.getBotMessages(SUPERGROUP_CHAT).map(toPlainText)).toEqual([expect.stringContaining("Which colour?")]);
  expect(rig.logged.filter(({ to }) => to === SUPERGROUP_CHAT)).toMatchObject([{ level: "error", chat: GROUP_CHAT }]);
  expect(await rig.store.listDeadJobs("outbox")).toEqual([]);
});

test("a group that becomes a supergroup has its buttons, replies and commands handled under its new id, of authorized users only", async () => {
  const { rig, key } = await createUpgradedGroup();
  const { id } = await rig.askQuestion("Imhotep", key, { text: "Which colour?", choices: ["Blue", "Red"] });
  const [question] = rig.getBotMessages(SUPERGROUP_CHAT);
  const press = async (from: number) => {
    const pressed = await rig.telegram.press(SUPERGROUP_CHAT, from, question?.id ?? 0, `ask:${id}:1`);
    await rig.pollUpdates();
    return pressed.answers;
  };
  expect(await press(STRANGER_USER)).toEqual([]);
  expect(await press(ADA_USER)).toEqual(["Your answer: Red"]);
  expect(toPlainText(rig.getBotMessages(SUPERGROUP_CHAT)[0])).toContain("Answered by Ada (Telegram)");
  await rig.telegram.postAsUser(SUPERGROUP_CHAT, ADA_USER, `/plane task ${key}`);
  await rig.pollUpdates();
  expect(toPlainText(rig.getBotMessages(SUPERGROUP_CHAT).at(-1))).toContain("Paint the door");
});

test("a group that becomes a supergroup has no message edited that now has the number of an older one", async () => {
  const { rig, key } = await createUpgradedGroup();
  const old = rig.getBotMessages()[0]?.id ?? 0;
  for (let n = 0; n < 2; n += 1) {
    await rig.actAs("Imhotep").report(key, { percent: 10 * (n + 1) });
    await rig.advanceAndDrain(20_000);
  }
  await rig.askQuestion("Imhotep", key, { text: "Which colour?" });
  const edits = rig.telegram.calls.filter(
    ({ method, chat }) => method === "editMessageText" && chat === `${SUPERGROUP_CHAT}`,
  );
  expect(edits).toEqual([]);
  expect(old).toBeGreaterThan(0);
});

test("a group that becomes a supergroup is not followed endlessly when it migrates again and again", async () => {
  const rig = await createLiveMessagesApp({ chats: [GROUP_CHAT, SUPERGROUP_CHAT] });
  const key = await rig.startTask("Imhotep", "Paint the door");
  rig.telegram.upgradeToSupergroup(GROUP_CHAT, SUPERGROUP_CHAT);
  rig.telegram.upgradeToSupergroup(SUPERGROUP_CHAT, GROUP_CHAT);
  await rig.askQuestion("Imhotep", key, { text: "Which colour?" });
  expect(rig.telegram.calls.length).toBeLessThan(20);
});

test("a group that becomes a supergroup does not make commands of another group valid", async () => {
  const { rig, key } = await createUpgradedGroup();
  await rig.askQuestion("Imhotep", key, { text: "Which colour?" });
  await rig.telegram.postAsUser(SUPERGROUP_CHAT - 1, ADA_USER, "/plane status");
  await rig.pollUpdates();
  expect(rig.getBotMessages(SUPERGROUP_CHAT)).toHaveLength(1);
});
