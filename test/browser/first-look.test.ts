import { afterAll, describe, expect, test } from "vitest";
import { closeSharedBrowser, hasChromium } from "./browser.ts";
import { openSignedInPage, startPageTestApp } from "./page-test-app.ts";

afterAll(closeSharedBrowser);

describe.skipIf(!hasChromium())("The page in Chromium", { timeout: 90_000 }, () => {
  test("shows in its header how much the first look at Plane has not read yet, in English and French", async () => {
    let lift = () => {};
    const app = await startPageTestApp({}, (plane, project, thot) => {
      for (let n = 0; n < 3; n += 1) plane.addItem(project, { name: `Old task ${n}`, assignees: [thot] });
      lift = plane.faults.add({ path: "relations" }, { kind: "status", status: 503, body: "{}" });
    });
    const page = await openSignedInPage(app.url);
    await page.waitForSelector(
      '[data-part="first-look"]:has-text("0 projects, 3 tasks of agents, 0 other items left")',
    );
    await page.selectOption("#language", "fr");
    await page.waitForSelector('[data-part="first-look"]:has-text("encore 0 projets, 3 tâches d’agents")');
    lift();
    await page.waitForSelector('[data-part="first-look"]', { state: "detached", timeout: 60_000 });
    expect(await page.locator('[data-part="first-look"]').count()).toBe(0);
  });
});
