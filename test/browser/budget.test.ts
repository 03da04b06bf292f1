import { afterAll, describe, expect, test } from "vitest";
import { createTaskOperations } from "../../functions/agent/tool.ts";
import { closeSharedBrowser, hasChromium } from "./browser.ts";
import { openSignedInPage, startPageTestApp } from "./page-test-app.ts";

afterAll(closeSharedBrowser);

describe.skipIf(!hasChromium())("The page in Chromium", { timeout: 120_000 }, () => {
  test("shows the month's budget above the board, in English and French, and nothing without a budget", async () => {
    const app = await startPageTestApp(
      {},
      (plane, project, thot) => void plane.addItem(project, { name: "Write the mail", assignees: [thot] }),
      { budget: { amount: 40, currency: "EUR" } },
    );
    await createTaskOperations(app.deps(), { name: "Thot", role: "worker" }).report("ONB-1", { cost: 8 });
    await app.deps().ticks.runNow("figures");
    const page = await openSignedInPage(app.url);
    const spent = "Budget of the month: €8.00 spent + €0.00 estimated for open tasks, of €40.00 (20%).";
    await page.waitForSelector(`#budget:has-text("${spent} Open tasks of unknown cost: 1.")`);
    await page.selectOption("#language", "fr");
    await page.waitForSelector('#budget:has-text("dépensés"):has-text("Tâches ouvertes de coût inconnu")');

    const other = await startPageTestApp();
    const plain = await openSignedInPage(other.url);
    await plain.waitForSelector(".column");
    expect(await plain.locator("#budget").isVisible()).toBe(false);
  });
});
