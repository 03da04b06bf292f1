import { expect, test } from "vitest";
import { describeInChromium, type TestPage } from "./browser.ts";
import { openSignedInPage, startPageTestApp, WAIT } from "./page-test-app.ts";
import { addPlan } from "./team-plan-app.ts";

const FOCUSED = "document.activeElement";

const nodeSelector = (key: string) => `.node:has(.key:text-is("${key}"))`;

async function openView(page: TestPage, view: "team" | "plan"): Promise<void> {
  await page.click(`#views [data-view="${view}"]`);
  await page.waitForSelector(view === "team" ? "#team-list .agent, #team-list .empty" : "#plan-view[aria-busy=false]");
}

describeInChromium("The views Team and Plan", () => {
  test("the team shows what an agent holds, its queue and its figures, as charts and as a table, and follows changes; the plan is a graph that is used with the keyboard", async () => {
    const app = await startPageTestApp({}, addPlan);
    await app.actAsThot().setStatus("ONB-1", { status: "in_progress" });
    await app.actAsThot().setStatus("ONB-1", { status: "done", text: "Done.", confidence: 0.9, cost: 0.4 });
    await app.actAsThot().setStatus("ONB-4", { status: "in_progress" });
    const page = await openSignedInPage(app.url);
    await openView(page, "team");
    const panel = page.locator(".agent:has-text('Thot')");
    const lists = await panel.locator(".queues").innerText();
    expect(lists).toMatch(/Working on 1\s+In progress:\s+ONB-4\s+Set up the hosting\s+until \d\d:\d\d/);
    expect(lists).toMatch(/Ready to start 1\s+To do:\s+ONB-2/);
    expect(lists).toMatch(/Waiting 2\s+Blocked:\s+ONB-5\s+Build the start page\s+after ONB-/);
    await panel.getByRole("img", { name: "Tasks of Thot, per day: 1, at most 1 on" }).waitFor();
    await page.click("#team [data-show=table]");
    const days = panel.locator(".figures").getByRole("row");
    await expect.poll(() => days.count(), WAIT).toBe(15);
    expect(await days.nth(1).innerText()).toMatch(/1\s+\S+ \S+\s+\$0\.40\s+90%/);
    expect(await panel.getByRole("img").count()).toBe(0);
    await page.click("#team [data-show=picture]");
    await app.actAsThot().claim("ONB-2");
    await page.waitForSelector(".queues:has-text('Working on 2')", WAIT);
    expect(await page.evaluate("document.getAnimations().length")).toBe(0);

    await openView(page, "plan");
    await page.waitForSelector(`${nodeSelector("ONB-7")}[data-critical]`, WAIT);
    expect(await page.textContent("#plan-head")).toContain("Onboarding (ONB)");
    expect(await page.locator(".lines path").count()).toBe(7);
    expect(await page.locator(".lines path[data-is=critical]").count()).toBe(3);
    expect(await page.locator(".loose .node").count()).toBe(2);
    expect(await page.locator(".facts").innerText()).toMatch(/Open tasks\s+8\s+Critical path\s+4 tasks/);

    // Tab reaches one task; the arrow keys follow the lines.
    const tabStops = `document.querySelectorAll('.nodes button[tabindex="0"]').length`;
    expect(await page.evaluate(tabStops)).toBe(1);
    await page.focus(`${nodeSelector("ONB-1")} button`);
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    expect(await page.evaluate(`${FOCUSED}.textContent`)).toContain("ONB-5");
    await page.keyboard.press("End");
    expect(await page.evaluate(`${FOCUSED}.textContent`)).toMatch(/ONB-7.*Blocked.*waits for ONB-.*Critical path/);
    await page.keyboard.press("Enter");
    await page.waitForSelector("#plan-detail:not([hidden]) .card:has-text('Publish the site')");
    expect(await page.evaluate(`${FOCUSED}.closest(".card")?.textContent`)).toContain("ONB-7");
    expect(await page.innerText("#plan-detail")).toMatch(/Step 5 · Critical path[\s\S]*Waits for\s+ONB-/);
    await page.keyboard.press("Escape");
    expect(await page.isVisible("#plan-detail")).toBe(false);
    expect(await page.evaluate(`${FOCUSED}.textContent`)).toContain("ONB-7");

    // A change redraws the task and keeps the focus.
    await page.focus(`${nodeSelector("ONB-4")} button`);
    await app.actAsThot().setStatus("ONB-4", { status: "done", text: "Done.", confidence: 1 });
    await page.waitForSelector(`${nodeSelector("ONB-4")}[data-state=done]`, WAIT);
    expect(await page.evaluate(`${FOCUSED}.textContent`)).toContain("ONB-4");
    await page.waitForSelector("#plan-closed:has-text('2 of 9 tasks closed')");

    await page.click("#plan [data-show=table]");
    await page.waitForSelector(".graph", { ...WAIT, state: "detached" });
    const row = page.getByRole("row", { name: "3 ONB-5" });
    expect(await row.innerText()).toMatch(
      /^3\s+ONB-5 Build the start page\s+Blocked · Critical path\s+Thot\s+ONB-., ONB-./,
    );
    expect(page.problems).toEqual([]);
  });
});
