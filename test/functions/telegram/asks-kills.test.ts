import { describe, expect, test } from "vitest";
import type { Event } from "../../../shared/task/events.ts";
import { workKeys } from "../../../shared/work/keys.ts";
import { CHAT, createRig, notice, put, type Rig } from "./rig.ts";
import { killedAt, MARK, takeOne } from "./steps.ts";

const ASKED: Event = {
  kind: "asked",
  ...{ question: "question-1", agent: "Imhotep", text: "Which colour?", choices: ["Blue", "Red"] },
  ...{ urgency: "normal", reminder: 0 },
};

const shown = (rig: Rig) => rig.telegram.chat(CHAT).messages;

async function asking(): Promise<Rig> {
  const rig = await createRig();
  Object.assign(rig.deps.settings, { telegram: { chat: CHAT } });
  await put(rig.store, [notice(1, {}, ASKED)]);
  return rig;
}

async function answered(rig: Rig): Promise<void> {
  const answer = { text: "Red", by: "Ada", at: rig.time.now };
  const { kind: _, ...question } = ASKED;
  await rig.store.commit({
    put: [{ key: workKeys.question("question-1"), value: { ...question, answer } }],
    jobs: [
      {
        ...{ id: "look-1", queue: "outbox", lane: `telegram:${CHAT}:live:item-1` },
        body: { do: "look", item: "item-1", correlation: "c" },
      },
    ],
  });
}

describe.each(["before", "after"] as const)("a kill %s each step (reliability 2)", (when) => {
  test("of asking: the question is asked, a repeat is marked, and the last one has its buttons", async () => {
    let doubled = 0;
    for (let at = 0; ; at += 1) {
      const rig = await asking();
      const killed = killedAt(rig, at, when);
      await rig.work(await takeOne(rig), killed.deps).catch(() => {});
      if (!killed.dead()) break;
      rig.time.now += rig.worker.ttl;
      await rig.run();
      const now = shown(rig);
      expect(now.at(-1)?.buttons.flat(), `step ${at}`).toHaveLength(2);
      expect(now.filter(({ text }) => !text.includes(MARK)).length, `step ${at}`).toBeLessThanOrEqual(1);
      if (now.length > 1) doubled += 1;
      expect(now.length, `step ${at}`).toBeLessThanOrEqual(2);
      await rig.telegram.stop();
    }
    // Only when killed between Telegram's doing it and the commit that follows, two steps later.
    expect(doubled).toBe(2);
  });

  test("of showing the answer: it is shown in the end, by edits of the one message", async () => {
    for (let at = 0; ; at += 1) {
      const rig = await asking();
      await rig.run();
      await answered(rig);
      rig.time.now += 2_000;
      const killed = killedAt(rig, at, when);
      await rig.work(await takeOne(rig), killed.deps).catch(() => {});
      if (!killed.dead()) break;
      rig.time.now += rig.worker.ttl;
      await rig.run();
      expect(shown(rig), `step ${at}`).toHaveLength(1);
      expect(shown(rig)[0]?.text, `step ${at}`).toContain("Answered by Ada");
      expect(shown(rig)[0]?.buttons, `step ${at}`).toEqual([]);
      await rig.telegram.stop();
    }
  });
});
