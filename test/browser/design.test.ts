import { readFileSync } from "node:fs";
import { join } from "node:path";
import { serve } from "@hono/node-server";
import { expect, onTestFinished, test } from "vitest";
import { createPageRoute } from "../../functions/dashboard/page/page-route.ts";
import { bundlePage } from "../../runtime/build/bundle-page.js";
import { IS_FULL_RUN } from "../reliability/random-source.ts";
import { createTestApp } from "../support/test-app.ts";
import { createTestFolder } from "../support/test-folder.ts";
import { FIND_SMALL_TARGETS, findViolations } from "./accessibility-checks.ts";
import { describeInChromium, openPage } from "./browser.ts";

/** Serves the page as `npm run dev` builds it. */
async function startDesignServer(): Promise<string> {
  const folder = join(createTestFolder("design"), "page");
  await bundlePage(folder, { design: true });
  const { deps } = await createTestApp();
  const readAsset = (path: string) => readFileSync(join(folder, path.replace(/^page\//, "")), "utf8");
  const { fetch } = createPageRoute({ tickets: true }).app({ ...deps, readAsset });
  return new Promise((resolve) => {
    const server = serve({ fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) => resolve(`http://127.0.0.1:${port}`));
    onTestFinished(() => void server.close());
  });
}

describeInChromium("The page of the design system", () => {
  test("shows every component in its states without a finding of axe in light, dark, high contrast and forced colours", async (context) => {
    context.skip(!IS_FULL_RUN);
    const page = await openPage(`${await startDesignServer()}/design`);
    await page.waitForSelector("#design .request");
    for (const part of [".swatch", ".card", ".task", ".request", ".setup", "progress", ".facts", "table", ".trouble"])
      expect([part, (await page.locator(`#design ${part}`).count()) > 0]).toEqual([part, true]);
    const ink = () => page.evaluate("getComputedStyle(document.querySelector('#design .muted')).color");
    const colours = new Set<unknown>();
    for (const theme of ["light", "dark", "contrast"]) {
      await page.click(`.switch button:has-text("${theme}")`);
      expect([theme, await findViolations(page)]).toEqual([theme, []]);
      colours.add(await ink());
    }
    expect(colours.size).toBe(3);
    await page.click(`.switch button:has-text("system")`);
    await page.emulateMedia({ contrast: "more" });
    expect(colours.has(await ink())).toBe(true);
    expect(await findViolations(page)).toEqual([]);
    await page.emulateMedia({ contrast: "no-preference", forcedColors: "active" });
    expect(await findViolations(page)).toEqual([]);
    // The mark of a chosen button is not its colour alone.
    const outline = "getComputedStyle(document.querySelector('.switch [aria-pressed=true]')).outlineStyle";
    expect(await page.evaluate(outline)).toBe("solid");
    await page.emulateMedia({ forcedColors: "none" });
    await page.click('button:has-text("fails when pressed")');
    await page.waitForSelector('.problem[role=alert]:has-text("It failed.")');
    await page.click('button:has-text("busy once pressed")');
    await page.waitForSelector('button[aria-disabled=true]:has-text("busy once pressed")');
    await page.setViewportSize({ width: 360, height: 800 });
    expect(await page.evaluate(FIND_SMALL_TARGETS)).toEqual([]);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(360);
  });
});
