import { describe, expect, test } from "vitest";
import { plainly } from "./commands/rig.ts";
import { createLiveRig } from "./live-rig.ts";
import { CHAT, createRig, notice, notices, put } from "./rig.ts";

describe("messages of one task hang together", () => {
  test("each answers the task's first message, over restarts", async () => {
    const rig = await createLiveRig();
    const key = await rig.started("Imhotep");
    const [first] = rig.shown();
    await rig.go(25_000);
    await rig.question("Imhotep", key, { text: "Which colour?" });
    await rig.restart();
    await rig.go(25_000);
    await rig.work("Imhotep").setStatus(key, { status: "done", text: "Painted", confidence: 1 });
    await rig.go(10_000);
    const others = rig.shown().filter(({ id }) => id !== first?.id);
    expect(others.map((one) => plainly(one).split(":")[0])).toEqual(["❓ Question from Imhotep", "✅ Completed"]);
    expect(others.map(({ replyTo }) => replyTo)).toEqual([first?.id, first?.id]);
  });

  test("another task's messages do not, nor do those that tell of several tasks", async () => {
    const rig = await createRig();
    await put(rig.store, notices(1, 1));
    await rig.run();
    rig.time.now += 30_000;
    await put(rig.store, notices(2, 2));
    await rig.run();
    rig.time.now += 30_000;
    await put(rig.store, [notice(1)]);
    await rig.run();
    expect(rig.telegram.chat(CHAT).messages.map(({ replyTo }) => replyTo)).toEqual([undefined, undefined, 1]);
  });

  test("when the first message was deleted the next one stands by itself", async () => {
    const rig = await createRig();
    await put(rig.store, [notice(1)]);
    await rig.run();
    rig.telegram.remove(CHAT, 1);
    rig.time.now += 30_000;
    await put(rig.store, [notice(1)]);
    await rig.run();
    const [left] = rig.telegram.chat(CHAT).messages;
    expect(left?.text).toContain("ONB-1");
    expect(left?.replyTo).toBeUndefined();
  });

  test("after seven days a new thread begins", async () => {
    const rig = await createRig();
    for (const days of [0, 8, 1]) {
      rig.time.now += days * 86_400_000;
      await put(rig.store, [notice(1)]);
      await rig.run();
    }
    expect(rig.telegram.chat(CHAT).messages.map(({ replyTo }) => replyTo)).toEqual([undefined, undefined, 2]);
  });
});
