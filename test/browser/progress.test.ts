import { afterAll, describe, expect, test } from "vitest";
import { trackUpload } from "../../shared/tasks/deliverables/send-file.ts";
import { FIND_LOW_CONTRAST } from "./accessibility-checks.ts";
import { closeSharedBrowser, hasChromium } from "./browser.ts";
import { openSignedInPage, startPageTestApp } from "./page-test-app.ts";

afterAll(closeSharedBrowser);

describe.skipIf(!hasChromium())("The page in Chromium", { timeout: 120_000 }, () => {
  test.each([
    {
      locale: "en-GB",
      width: 1440,
      dark: false,
      title: "Thot uploads a file to ONB-1: film.mp4",
      far: "1.5 MB of 6 MB",
    },
    {
      locale: "fr-FR",
      width: 360,
      dark: true,
      title: "Thot envoie un fichier à ONB-1 : film.mp4",
      far: "1,5 Mo sur 6 Mo",
    },
  ])("shows a running upload with its bytes, live, on a bar that screen readers can read: %j", async (view) => {
    const app = await startPageTestApp();
    const page = await openSignedInPage(app.url, view);
    expect(await page.isVisible("#progress")).toBe(false);
    let now = Date.now();
    const deps = { ...app.deps(), clock: () => now };
    const upload = { task: "ONB-1", name: "film\u202e.mp4", agent: "Thot", size: 6_000_000 };
    const progress = trackUpload(deps, upload, "1");
    now += 2_000;
    await progress.record(1_500_000);
    await page.waitForSelector("#progress li");
    const text = (await page.textContent("#progress li"))?.replace(/[\u00a0\u202f]/g, " ");
    expect(text).toBe(view.title + view.far);
    const bar = "document.querySelector('#progress progress')";
    expect(await page.evaluate(`[${bar}.value, ${bar}.max]`)).toEqual([25, 100]);
    expect(await page.getByRole("progressbar", { name: /film\.mp4/ }).count()).toBe(1);
    // The row itself stays: only its bar and its numbers change.
    await page.evaluate("window.row = document.querySelector('#progress li')");
    now += 2_000;
    await progress.record(3_000_000);
    await expect.poll(() => page.evaluate(`${bar}.value`)).toBe(75);
    expect(await page.evaluate("window.row === document.querySelector('#progress li')")).toBe(true);
    expect(await page.evaluate(FIND_LOW_CONTRAST)).toEqual([]);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(view.width);
    await progress.end();
    await page.waitForSelector("#progress", { state: "hidden" });
    expect(page.problems).toEqual([]);
  });
});
