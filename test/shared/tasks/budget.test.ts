import { expect, test } from "vitest";
import { figuresTick } from "../../../functions/maintenance-ticks.ts";
import { DAY } from "../../../shared/time.ts";
import { toPlainText } from "../../functions/telegram/commands/commands-app.ts";
import { createLiveMessagesApp } from "../../functions/telegram/live-messages-app.ts";

const toConfig = (amount: number) => ({ budget: { amount, currency: "EUR" } });

/** An app with a task of Thot in progress. */
async function createBudgetApp(amount = 50) {
  const app = await createLiveMessagesApp({ config: toConfig(amount) });
  await app.startTask("Thot", "Write the mail");
  return Object.assign(app, {
    report: (cost: number) => app.actAs("Thot").report("ONB-1", { cost }),
    /** Runs the tick several times, as minutes pass, and returns all notices so far. */
    async readNotices(): Promise<string[]> {
      for (let i = 0; i < 2; i++) {
        await figuresTick.run(app.deps);
        await app.advanceAndDrain(2_000);
      }
      const texts = app.getBotMessages().map((message) => toPlainText(message));
      return texts.filter((text) => text.includes("of the budget for"));
    },
  });
}

test("A notice is sent once when 80 % of the month's budget are reached and once at 100 %, also over a restart, and the next month starts over", async () => {
  const app = await createBudgetApp();
  const notices: unknown[] = [];
  for (const [cost, notice] of [
    [39],
    [
      41,
      "💶 80% of the budget for November reached: €41.00 spent + €0.00 estimated for open tasks, of €50.00 (82%), cost of 1 open task unknown, €41.00 of it as reported by agents.",
    ],
    [45],
    [60, expect.stringContaining("100% of the budget for November reached: €60.00 spent")],
  ] as const) {
    await app.report(cost);
    if (notice !== undefined) notices.push(notice);
    expect(await app.readNotices()).toEqual(notices);
    await app.restart();
  }
  app.advance(10 * DAY);
  await expect(app.report(60)).rejects.toThrow("expired");
  expect(await app.readNotices()).toHaveLength(2);
  await app.report(105);
  notices.push(expect.stringContaining("80% of the budget for December reached: €45.00 spent"));
  expect(await app.readNotices()).toEqual(notices);
});
