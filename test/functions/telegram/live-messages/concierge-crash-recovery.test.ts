import { describe, expect, test } from "vitest";
import type { CrashPoint } from "../../../support/crash-simulator.ts";
import { toPlainText } from "../commands/commands-app.ts";
import { createCrashingApp, killEverywhere, SENT_ONCE } from "../crashing-app.ts";
import { createMessagesApp } from "../messages-app.ts";

const QUESTION = { kind: "ask" as const, text: "Dark mode for the blog?", choices: ["Yes", "No"] };
const PLAN = { project: "Dark mode", tasks: [{ id: "a", title: "Choose the colours", assignee: "Imhotep" }] };

async function createCrashingMessagesApp() {
  const app = await createCrashingApp(createMessagesApp);
  return Object.assign(app, {
    /** The wakes after the first `before`. One that may not have arrived is sent again within five minutes. */
    async countWakes(before: number): Promise<number> {
      for (let waits = 0; waits < 4 && app.getWakes().length === before; waits += 1) await app.advanceAndDrain(125_000);
      return app.getWakes().length - before;
    },
  });
}

type CrashingApp = Awaited<ReturnType<typeof createCrashingMessagesApp>>;

describe.each(["before", "after"] as const)("reliability 2: when the process is killed %s any effect,", (when) => {
  const kill = (least: number, scene: (app: CrashingApp, crash: CrashPoint) => Promise<boolean>) =>
    killEverywhere({ when, least }, createCrashingMessagesApp, scene);

  test("a question about no task is asked, and a possible repeat is marked", async () => {
    await kill(3, async (app, crash) => {
      const ask = async () => {
        await app.actAs("Concierge").message(QUESTION);
        await app.advanceAndDrain(3_000);
      };
      const died = await app.killDuring(crash, ask);
      expect(app.countMessages("Dark mode for the blog?"), JSON.stringify(crash)).toEqual(SENT_ONCE);
      return died;
    });
  });

  test("a plan that was sent back wakes the Concierge once, and its message shows who decided", async () => {
    await kill(5, async (app, crash) => {
      await app.sendMessage("/plane new add dark mode");
      await app.callAsConcierge("plan_project", PLAN);
      const wakes = app.getWakes().length;
      await app.reply("Plan to approve", "Smaller, please");
      const died = await app.killDuring(crash, () => app.advanceAndDrain());
      const label = JSON.stringify(crash);
      expect(app.countMessages("Sent back by Ada (Telegram): \nSmaller, please"), label).toEqual(SENT_ONCE);
      expect(await app.countWakes(wakes), label).toBe(1);
      expect(
        app.getBotMessages().filter((one) => toPlainText(one).includes("Plan to approve")),
        label,
      ).toHaveLength(1);
      return died;
    });
  });

  test("a plan that was approved is created once, and its message shows who decided", { timeout: 60_000 }, async () => {
    await kill(5, async (app, crash) => {
      await app.sendMessage("/plane new add dark mode");
      await app.callAsConcierge("plan_project", PLAN);
      await app.press("✅ Approve");
      const died = await app.killDuring(crash, () => app.advanceAndDrain());
      const label = JSON.stringify(crash);
      expect(app.countMessages("Approved by Ada (Telegram)"), label).toEqual(SENT_ONCE);
      await app.advanceAndDrain(60_000);
      expect(await app.findItemNames("Dark mode"), label).toEqual(["Choose the colours"]);
      return died;
    });
  });
});
