import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { startDemo } from "../../demo/start.ts";
import { createTestSettings } from "../support/settings.ts";
import { closeSharedBrowser, hasChromium, openPage } from "./browser.ts";

afterAll(closeSharedBrowser);

describe.skipIf(!hasChromium())("The demo's console in Chromium", () => {
  test("moves cards, drops and duplicates webhooks and kills Groundcrew, and no event is lost or duplicated", {
    timeout: 300_000,
  }, async () => {
    const folder = mkdtempSync(join(tmpdir(), "groundcrew-console-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const demo = await startDemo(createTestSettings({ PORT: "0" }), {
      write: () => {},
      colour: false,
      pace: 300,
      speed: 2,
      folder: relative(process.cwd(), join(folder, "demo")),
    });
    onTestFinished(() => demo.stop());
    const page = await openPage(demo.url);
    const card = (column: string, title: string) => `[data-column="${column}"] .card:has-text("${title}")`;
    const fate = page.locator("#console-fate");
    const wait = { timeout: 60_000 };
    const readFate = () => page.evaluate("fetch('/demo/state').then((r) => r.json()).then((s) => s.fate)");
    /** Drags a card to “done”, again when the board was drawn anew meanwhile. A change that Plane has taken ends the fate. */
    const finish = (title: string) =>
      expect
        .poll(async () => {
          await page.dragAndDrop(card("todo", title), '[data-column="done"]').catch(() => {});
          return expect
            .poll(readFate, { timeout: 5_000 })
            .toBe("arrive")
            .then(() => "taken")
            .catch(() => "lost");
        }, wait)
        .toBe("taken");

    await page.waitForSelector(".card", wait);
    // Each control says what it does and what to watch for, to screen readers as well.
    const killButton = page.getByRole("button", { name: "kill -9 Groundcrew" });
    const explanation = await killButton.getAttribute("aria-describedby");
    expect(await page.textContent(`#${explanation}`)).toMatch(/^Ends the process without warning\..*Watch: /);
    expect(await page.locator("#console .does").count()).toBe(8);
    await page.fill('#console input[type="text"]', "Mine <i>1</i>");
    await page.click("#console form button");
    await page.waitForSelector(card("todo", "Mine <i>1</i>"), wait);

    await fate.selectOption("drop");
    await page.waitForSelector("#console-fate-does:has-text('at the next poll')", wait);
    await expect.poll(readFate, wait).toBe("drop");
    await finish("Mine");
    await page.waitForSelector(card("done", "Mine <i>1</i>"), wait);
    await page.waitForSelector('tr:has-text("Mine"):has-text("completed"):has-text("poll")', wait);

    await page.fill('#console input[type="text"]', "Mine too");
    await page.click("#console form button");
    await page.waitForSelector(card("todo", "Mine too"), wait);
    await page.click("#console .kill");
    await page.waitForSelector("#lost:not([hidden])", wait);
    await page.waitForSelector('#live[data-is="on"]', wait);
    await fate.selectOption("double");
    await expect.poll(readFate, wait).toBe("double");
    await finish("Mine too");
    await page.waitForSelector('tr:has-text("Mine too"):has-text("completed") .fate[data-is="delivered"]', {
      timeout: 60_000,
    });

    await demo.finished;
    const tally = async () => {
      const answer: unknown = await page.evaluate("fetch('/demo/state').then((r) => r.json())");
      return answer;
    };
    await expect
      .poll(tally, { timeout: 40_000, interval: 500 })
      .toMatchObject({ restarts: 1, tally: { missing: [], doubled: [] } });
    await page.waitForSelector('#console .tally:has-text("nothing lost, nothing doubled")');
    expect(page.problems.filter((wrong) => !wrong.includes("ERR_CONNECTION_REFUSED"))).toEqual([]);
  });
});
