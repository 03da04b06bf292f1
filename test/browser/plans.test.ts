import { afterAll, describe, expect, test } from "vitest";
import { createTaskOperations } from "../../functions/agent/tool.ts";
import { prepareWish } from "../../shared/tasks/wishes.ts";
import { closeSharedBrowser, hasChromium } from "./browser.ts";
import { openSignedInPage, startPageTestApp } from "./page-test-app.ts";

afterAll(closeSharedBrowser);

describe.skipIf(!hasChromium())("The page in Chromium", { timeout: 120_000 }, () => {
  test("shows plans with their steps and state, in English and French, and names of projects as text", async () => {
    const app = await startPageTestApp();
    const page = await openSignedInPage(app.url);
    expect(await page.isVisible("#plans")).toBe(false);
    const plan = (project: string) =>
      createTaskOperations(app.deps(), { name: "Thot", role: "concierge" }).plan({
        project,
        tasks: [{ id: "a", title: "A", assignee: "Thot" }],
      });
    // Thot plans while it is a Concierge no more, so this plan fails.
    await plan("Shop");
    const failed = '#plans li:has-text("Shop"):has-text("0 of 3 steps"):has-text("failed")';
    await page.waitForSelector(`${failed}:has-text("Thot, which made this plan, is no longer a Concierge")`);
    const wish = { id: "asked-for:1", text: "a site", by: "Ada", at: Date.now(), agent: "Thot" };
    await app.store.commit(prepareWish(wish));
    await plan("Site \u202e1");
    await page.waitForSelector('#plans li:has-text("Site 1"):has-text("0 of 3 steps"):has-text("awaiting approval")');
    await page.selectOption("#language", "fr");
    await page.waitForSelector('#plans li:has-text("Site 1"):has-text("0 étapes sur 3"):has-text("en attente")');
    expect(await page.getAttribute("#plans", "aria-label")).toBe("Plans");
  });
});
