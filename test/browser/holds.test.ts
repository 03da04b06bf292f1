import { afterAll, describe, expect, test } from "vitest";
import { closeSharedBrowser, hasChromium } from "./browser.ts";
import { openSignedInPage, startPageTestApp } from "./page-test-app.ts";

afterAll(closeSharedBrowser);

describe.skipIf(!hasChromium())("The page in Chromium", { timeout: 120_000 }, () => {
  test("shows a long rate limit of Telegram in its header, in English and French, and ends it with a button", async () => {
    const app = await startPageTestApp();
    const page = await openSignedInPage(app.url);
    await app.store.pause("telegram:chat:4711", 3_600_000, true);
    await page.waitForSelector('.hold:has-text("Telegram asked Groundcrew to wait: 60 min left")');
    await page.selectOption("#language", "fr");
    await page.waitForSelector('.hold:has-text("Telegram a demandé une pause")');
    await page.click('.hold[data-system="telegram"] button:has-text("Réessayer")');
    await page.waitForSelector(".hold", { state: "detached" });
    expect((await app.store.listPauses())[0]?.until).toBeLessThanOrEqual(Date.now());
  });
});
