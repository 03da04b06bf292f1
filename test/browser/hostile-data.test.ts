import { afterAll, describe, expect, test } from "vitest";
import { closeSharedBrowser, hasChromium } from "./browser.ts";
import { openSignedInPage, startPageTestApp } from "./page-test-app.ts";

afterAll(closeSharedBrowser);

const SCRIPT = "<img src=x onerror=window.hacked=1><script>window.hacked=1</script>";
const TITLES = [SCRIPT, "__proto__", "constructor", "x".repeat(255), "👩‍👩‍👧‍👦🏳️‍🌈".repeat(15), "مرحبا שלום"];
const CHAT_TEXTS = ["[link](javascript:window.hacked=1)", SCRIPT, `/plane status ${"y".repeat(3_000)}`];

describe.skipIf(!hasChromium())("The page with hostile data in Chromium", { timeout: 120_000 }, () => {
  test.each([360, 1440])(
    "runs nothing and stays as wide as its window of %i pixels (reliability 18)",
    async (width) => {
      const app = await startPageTestApp({ TELEGRAM_ALLOWED_USERS: "4711" });
      app.plane.addProject({ name: `__proto__ ${"z".repeat(150)}`, identifier: "PROTO", by: app.ada });
      const page = await openSignedInPage(app.url, { width });
      const dialogs: string[] = [];
      page.on("dialog", (dialog) => {
        dialogs.push(dialog.message());
        void dialog.dismiss();
      });
      const items = TITLES.map((name) => app.plane.addItem(app.project, { name, assignees: [app.thot] }));
      for (const item of items) app.plane.addComment(item, `<p>${"w".repeat(10_000)}</p>`);
      await expect
        .poll(() => page.evaluate("document.querySelectorAll('[data-column=todo] .card').length"), { timeout: 30_000 })
        .toBe(TITLES.length);
      const views = width < 1_000 ? ["why", "chat", "team", "plan"] : ["team", "plan"];
      if (width < 1_000) await page.click('#views [data-view="chat"]');
      for (const text of CHAT_TEXTS) {
        await page.fill("#say-text", text);
        await page.press("#say-text", "Enter");
        await expect.poll(() => page.inputValue("#say-text"), { timeout: 15_000 }).toBe("");
      }
      await page.waitForSelector(`.message:has-text("${"y".repeat(50)}")`, { timeout: 15_000 });
      for (const view of [...views, "board"]) {
        await page.click(`#views [data-view="${view}"]`);
        if (view === "team") await page.waitForSelector(".task:has-text('__proto__')");
        if (view === "plan") {
          await page.selectOption("#projects", "ONB");
          await page.waitForSelector(".node:has-text('__proto__')");
        }
        expect(await page.evaluate("document.documentElement.scrollWidth"), view).toBe(width);
      }
      expect(await page.textContent("#columns")).toContain("__proto__");
      expect(await page.evaluate("document.querySelectorAll('main img, main script').length")).toBe(0);
      expect(await page.evaluate("document.querySelectorAll('a[href^=\"javascript:\"]').length")).toBe(0);
      expect(await page.evaluate("window.hacked")).toBeUndefined();
      expect(dialogs).toEqual([]);
      expect(page.problems).toEqual([]);
    },
  );
});
