import { afterAll, describe, expect, test } from "vitest";
import { DAY } from "../../shared/time.ts";
import { closeSharedBrowser, hasChromium } from "./browser.ts";
import { openSignedInPage, startPageTestApp } from "./page-test-app.ts";

/** Direction marks, overrides and isolates, zero-width characters, tags, and control characters of C0 and C1. */
const INVISIBLE =
  "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\u2060\ufeff\u{e0041}\u0007\u001b\u007f\u009b";

/** Collects all texts and attributes of the page that contain a character which must not be shown. */
const FIND_INVISIBLE = `[document.body, ...document.body.querySelectorAll("*")]
  .flatMap((el) => [...el.attributes].map(({ value }) => value).concat([...el.childNodes].map((n) => n.nodeType === 3 ? n.data : "")))
  .filter((text) => /[\\u061c\\u200b\\u200e\\u200f\\u202a-\\u202e\\u2060-\\u2069\\ufeff\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f]|\\u{e0041}/u.test(text))`;

afterAll(closeSharedBrowser);

describe.skipIf(!hasChromium())("Texts from Plane in Chromium", { timeout: 120_000 }, () => {
  test("contain no control, direction or invisible characters on the board and in the activity list", async () => {
    const app = await startPageTestApp();
    const page = await openSignedInPage(app.url);
    const eve = app.plane.addUser({ name: `E${INVISIBLE}ve`, email: "eve@example.com" });
    app.plane.addProjectMember(app.project, eve);
    const label = app.plane.addLabel(app.project, `ur${INVISIBLE}gent`);
    const item = app.plane.addItem(app.project, {
      name: `invoice${INVISIBLE}fdp.exe`,
      assignees: [eve.id],
      labels: [label.id],
    });
    await page.waitForSelector(".card:has-text('invoicefdp.exe')");
    app.plane.editItem(item, { name: `report${INVISIBLE}fdp.exe`, state: "In Progress" });
    await page.waitForSelector(".card:has-text('reportfdp.exe')");
    await page.waitForSelector("#trail tr:has-text('Its title was “invoicefdp.exe”')");
    await page.waitForSelector(".card .who:has-text('eve')");
    expect(await page.evaluate(FIND_INVISIBLE)).toEqual([]);
    expect(page.problems).toEqual([]);
  });

  test("contain no such characters in the chat either, and formatted parts stay exact", async () => {
    const app = await startPageTestApp({ TELEGRAM_ALLOWED_USERS: "4711" });
    const page = await openSignedInPage(app.url);
    const name = `pay${INVISIBLE} www.example.com now`;
    for (const prefix of ["First", "Second"]) app.plane.addItem(app.project, { name: `${prefix} ${name}` });
    const toDate = (days: number) => new Date(Date.now() + days * DAY).toISOString().slice(0, 10);
    const dates = { start_date: toDate(-1), end_date: toDate(7) };
    app.plane.editProject(app.project, { name: app.project.name, cycle_view: true });
    app.plane.addCycle(app.project, { name: `www.example.com${INVISIBLE}`, ...dates });
    await app.deps().ticks.runNow("cycles");
    await page.waitForSelector(".card:has-text('Second pay')");
    for (const text of [`/plane ${INVISIBLE}unknown`, "/plane project ONB"]) {
      await page.fill("#say-text", text);
      await page.press("#say-text", "Enter");
      await expect.poll(() => page.inputValue("#say-text"), { timeout: 15_000 }).toBe("");
    }
    await page.waitForSelector(".message a:has-text('Second pay')");
    expect(await page.textContent(".message.mine .text")).toBe("/plane unknown");
    const sent = app.telegram.chat(4711).messages.map(({ text }) => text);
    expect(sent.join()).toContain("www.\u2060example");
    const strong = await page.locator(".message strong").allTextContents();
    expect(strong).toEqual(["Cycle started", "Current cycles", "To do"]);
    const links = await page.locator(".message a").allTextContents();
    expect(links).toEqual([
      "Onboarding (ONB)",
      "ONB-1 First pay www.example.com now",
      "ONB-2 Second pay www.example.com now",
    ]);
    expect(await page.evaluate(FIND_INVISIBLE)).toEqual([]);
    expect(page.problems).toEqual([]);
  });
});
