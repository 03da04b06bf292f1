import { describe, expect, test } from "vitest";
import { createUpdateJob } from "../../../../shared/jobs/updates-jobs.ts";
import { createMemoryStore } from "../../../../shared/store/memory/memory-store.ts";
import { type CrashPoint, createCrashSimulator } from "../../../support/crash-simulator.ts";
import { ADA_USER, GROUP_CHAT, toPlainText } from "../commands/commands-app.ts";
import { createMessagesApp } from "../messages-app.ts";

/** A time longer than the lease of a job that the killed process had taken. */
const LEASE_OVER = 130_000;
const REPEAT_MARK = "(may be a repeat)";
const MESSAGE = { kind: "inform", text: "Dark mode is live." } as const;
const QUESTION = { kind: "ask" as const, text: "Dark mode for the blog?", choices: ["Yes", "No"] };
const PLAN = { project: "Dark mode", tasks: [{ id: "a", title: "Choose the colours", assignee: "Imhotep" }] };

async function createCrashingApp() {
  const simulator = createCrashSimulator();
  const app = await createMessagesApp({
    fetch: simulator.fetch,
    store: (clock) => simulator.store(createMemoryStore({ clock })),
  });
  /** Stores an update as the webhook of Telegram does, which answers only afterwards. */
  async function storeUpdate(update: unknown) {
    const job = createUpdateJob(update, "c1");
    if (!job) throw new Error("not an update");
    await app.store.commit({ jobs: [job] });
  }

  return Object.assign(app, {
    /** Kills the process at a crash point of `act`; the next one does `again` when the killed one's leases have expired. */
    async killDuring(crash: CrashPoint, act: () => Promise<unknown>, again = act): Promise<boolean> {
      const outcome = await simulator.runUntilCrash(crash, act);
      simulator.reset();
      await app.restart();
      app.advance(LEASE_OVER);
      await again();
      await app.advanceAndDrain(10_000);
      return outcome === "died";
    },
    async press(label: string) {
      const message = app.getBotMessages().findLast(({ buttons }) => buttons.flat().some(({ text }) => text === label));
      const button = message?.buttons.flat().find(({ text }) => text === label);
      const { update } = await app.telegram.press(GROUP_CHAT, ADA_USER, message?.id ?? 0, button?.callback_data ?? "");
      await storeUpdate(update);
    },
    async reply(part: string, text: string) {
      const replyTo = app.findMessage(part)?.id ?? 0;
      await storeUpdate(await app.telegram.postAsUser(GROUP_CHAT, ADA_USER, text, { replyTo }));
    },
    /** The wakes after the first `before`. One that may not have arrived is sent again within five minutes. */
    async countWakes(before: number): Promise<number> {
      for (let waits = 0; waits < 4 && app.getWakes().length === before; waits += 1) await app.advanceAndDrain(125_000);
      return app.getWakes().length - before;
    },
    /** The messages that contain this text: those that may be repeats are marked, so at most one is not. */
    countMessages(part: string) {
      const texts = app.getBotMessages().map(toPlainText);
      const matching = texts.filter((text) => text.includes(part));
      const unmarked = matching.filter((text) => !text.includes(REPEAT_MARK)).length;
      return { isShown: matching.length > 0, isMarked: unmarked <= 1, isRepeatedOnce: matching.length <= 2 };
    },
  });
}

type CrashingApp = Awaited<ReturnType<typeof createCrashingApp>>;
const ONCE = { isShown: true, isMarked: true, isRepeatedOnce: true };

describe.each(["before", "after"] as const)("reliability 2: when the process is killed %s any effect,", (when) => {
  /** Runs the scenario with a crash at each effect in turn, until one ends without a crash. */
  async function killEverywhere(least: number, scene: (app: CrashingApp, crash: CrashPoint) => Promise<boolean>) {
    let nth = 1;
    while (await scene(await createCrashingApp(), { nth, when })) nth += 1;
    expect(nth).toBeGreaterThan(least);
  }

  test("a message of the Concierge is sent, and a possible repeat is marked", async () => {
    await killEverywhere(3, async (app, crash) => {
      const send = async () => {
        await app.actAs("Concierge").message(MESSAGE);
        await app.advanceAndDrain(3_000);
      };
      const died = await app.killDuring(crash, send);
      expect(app.countMessages("Dark mode is live."), JSON.stringify(crash)).toEqual(ONCE);
      return died;
    });
  });

  test("a question about no task is asked, and a possible repeat is marked", async () => {
    await killEverywhere(3, async (app, crash) => {
      const ask = async () => {
        await app.actAs("Concierge").message(QUESTION);
        await app.advanceAndDrain(3_000);
      };
      const died = await app.killDuring(crash, ask);
      expect(app.countMessages("Dark mode for the blog?"), JSON.stringify(crash)).toEqual(ONCE);
      return died;
    });
  });

  test("an answer to a question about no task is recorded once and wakes the Concierge once", async () => {
    await killEverywhere(5, async (app, crash) => {
      await app.messageHuman(QUESTION);
      await app.press("No");
      const died = await app.killDuring(crash, () => app.advanceAndDrain());
      const label = JSON.stringify(crash);
      expect(app.countMessages("Answered by Ada (Telegram)"), label).toEqual(ONCE);
      expect(app.getBotMessages(), label).toHaveLength(1);
      expect(await app.countWakes(0), label).toBe(1);
      return died;
    });
  });

  test("a plan is proposed once, and a possible repeat of its message is marked", async () => {
    await killEverywhere(3, async (app, crash) => {
      await app.sendMessage("/plane new add dark mode");
      const propose = async () => {
        await app.actAs("Concierge").plan(PLAN);
        await app.advanceAndDrain(3_000);
      };
      const died = await app.killDuring(crash, propose);
      expect(app.countMessages("Plan to approve"), JSON.stringify(crash)).toEqual(ONCE);
      return died;
    });
  });

  test("a plan that was sent back wakes the Concierge once, and its message shows who decided", async () => {
    await killEverywhere(5, async (app, crash) => {
      await app.sendMessage("/plane new add dark mode");
      await app.callAsConcierge("plan_project", PLAN);
      const wakes = app.getWakes().length;
      await app.reply("Plan to approve", "Smaller, please");
      const died = await app.killDuring(crash, () => app.advanceAndDrain());
      const label = JSON.stringify(crash);
      expect(app.countMessages("Sent back by Ada (Telegram): \nSmaller, please"), label).toEqual(ONCE);
      expect(await app.countWakes(wakes), label).toBe(1);
      expect(
        app.getBotMessages().filter((one) => toPlainText(one).includes("Plan to approve")),
        label,
      ).toHaveLength(1);
      return died;
    });
  });

  test("a plan that was approved is created once, and its message shows who decided", { timeout: 60_000 }, async () => {
    await killEverywhere(5, async (app, crash) => {
      await app.sendMessage("/plane new add dark mode");
      await app.callAsConcierge("plan_project", PLAN);
      await app.press("✅ Approve");
      const died = await app.killDuring(crash, () => app.advanceAndDrain());
      const label = JSON.stringify(crash);
      expect(app.countMessages("Approved by Ada (Telegram)"), label).toEqual(ONCE);
      await app.advanceAndDrain(60_000);
      expect(await app.findItemNames("Dark mode"), label).toEqual(["Choose the colours"]);
      return died;
    });
  });
});
