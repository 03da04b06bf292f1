import { describe, expect, test } from "vitest";
import { ADA, CHAT, plainly, STRANGER } from "./commands/rig.ts";
import { createLiveRig } from "./live-rig.ts";

const NOW = -1_001_234_567_890;

async function upgraded() {
  const rig = await createLiveRig({ chats: [CHAT, NOW] });
  const key = await rig.started("Imhotep", "Paint the door");
  rig.telegram.upgrade(CHAT, NOW);
  return { rig, key };
}

describe("a group that becomes a supergroup", () => {
  test("is followed: what waits for it arrives under its new number, and the log asks to set it", async () => {
    const { rig, key } = await upgraded();
    await rig.question("Imhotep", key, { text: "Which colour?", choices: ["Blue", "Red"] });
    expect(rig.shown(NOW).map(plainly)).toEqual([expect.stringContaining("Which colour?")]);
    expect(rig.logged.filter(({ to }) => to === NOW)).toMatchObject([{ level: "error", chat: CHAT }]);
    expect(await rig.store.dead("outbox")).toEqual([]);
  });

  test("is heard there: buttons, replies and commands, of nobody else", async () => {
    const { rig, key } = await upgraded();
    const { id } = await rig.question("Imhotep", key, { text: "Which colour?", choices: ["Blue", "Red"] });
    const [question] = rig.shown(NOW);
    const press = async (from: number) => {
      const pressed = await rig.telegram.press(NOW, from, question?.id ?? 0, `ask:${id}:1`);
      await rig.hear();
      return pressed.answers;
    };
    expect(await press(STRANGER)).toEqual([]);
    expect(await press(ADA)).toEqual(["Your answer: Red"]);
    expect(plainly(rig.shown(NOW)[0])).toContain("Answered by Ada (Telegram)");
    await rig.telegram.say(NOW, ADA, `/plane task ${key}`);
    await rig.hear();
    expect(plainly(rig.shown(NOW).at(-1))).toContain("Paint the door");
  });

  test("does not edit what now has the number of a message from before", async () => {
    const { rig, key } = await upgraded();
    const old = rig.shown()[0]?.id ?? 0;
    for (let n = 0; n < 2; n += 1) {
      await rig.work("Imhotep").report(key, { percent: 10 * (n + 1) });
      await rig.go(20_000);
    }
    await rig.question("Imhotep", key, { text: "Which colour?" });
    const edits = rig.telegram.calls.filter(({ method, chat }) => method === "editMessageText" && chat === `${NOW}`);
    expect(edits).toEqual([]);
    expect(old).toBeGreaterThan(0);
  });

  test("that moves on and on is not followed for ever", async () => {
    const rig = await createLiveRig({ chats: [CHAT, NOW] });
    const key = await rig.started("Imhotep", "Paint the door");
    rig.telegram.upgrade(CHAT, NOW);
    rig.telegram.upgrade(NOW, CHAT);
    await rig.question("Imhotep", key, { text: "Which colour?" });
    expect(rig.telegram.calls.length).toBeLessThan(20);
  });

  test("another group is not heard for it", async () => {
    const { rig, key } = await upgraded();
    await rig.question("Imhotep", key, { text: "Which colour?" });
    await rig.telegram.say(NOW - 1, ADA, "/plane status");
    await rig.hear();
    expect(rig.shown(NOW)).toHaveLength(1);
  });
});
