import { afterAll, describe, expect, test } from "vitest";
import { closeSharedBrowser, hasChromium } from "./browser.ts";
import { openSignedInPage, startPageTestApp } from "./page-test-app.ts";

afterAll(closeSharedBrowser);

describe.skipIf(!hasChromium())("The page in Chromium", { timeout: 120_000 }, () => {
  test("shows above the board how far the first look at Plane is, in English and French, until it is complete", async () => {
    let lift = () => {};
    const app = await startPageTestApp({}, (plane, project, thot) => {
      for (let n = 0; n < 3; n += 1) plane.addItem(project, { name: `Old task ${n}`, assignees: [thot] });
      lift = plane.faults.add({ path: "relations" }, { kind: "status", status: 503, body: "{}" });
    });
    const page = await openSignedInPage(app.url);
    const row = '#progress [data-part="first-look"]';
    await page.waitForSelector(`${row}:has-text("reading what blocks 3 tasks of agents and 0 other items")`);
    expect(await page.getByRole("progressbar", { name: "First look at Plane" }).count()).toBe(1);
    expect(await page.evaluate("document.querySelector('#progress progress').value")).toBe(0);
    await page.selectOption("#language", "fr");
    await page.waitForSelector(`${row}:has-text("lecture de ce qui bloque 3 tâches d’agents")`);
    expect(await page.getByRole("progressbar", { name: "Première lecture de Plane" }).count()).toBe(1);
    lift();
    await page.waitForSelector(row, { state: "detached", timeout: 60_000 });
    expect(await page.isVisible("#progress")).toBe(false);
    expect(page.problems).toEqual([]);
  });
});
