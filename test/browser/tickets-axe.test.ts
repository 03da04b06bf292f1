import { afterAll, describe, expect, test } from "vitest";
import { FIND_SMALL_TARGETS, findViolations } from "./accessibility-checks.ts";
import { closeSharedBrowser, hasChromium, openPage } from "./browser.ts";
import { signIn } from "./page-test-app.ts";
import { playTicketScene } from "./ticket-scene.ts";
import { createSession, startTicketsPageApp } from "./tickets-page-app.ts";

afterAll(closeSharedBrowser);

const WAIT = { timeout: 30_000 };
/** The narrowest screen with the longest texts; the others in the full run. */
const SCREENS = [
  { width: 360, dark: true, locale: "fr-FR" },
  ...(process.env["FULL"]
    ? [
        { width: 1440, dark: false, locale: "en-GB" },
        { width: 1440, dark: true, locale: "fr-FR" },
        { width: 360, dark: false, locale: "en-GB" },
        { width: 800, dark: false, locale: "fr-FR" },
      ]
    : []),
];

const SCRIPT = "<img src=x onerror=window.hacked=1><script>window.hacked=1</script>";
/** Direction marks and overrides, zero-width characters, tags, and control characters. */
const INVISIBLE = "\u200e\u202e\u2066\u200b\ufeff\u{e0041}\u0007\u001b[31m\u009b";
const FIND_INVISIBLE = `[...document.querySelectorAll("#tickets, #tickets *")]
  .flatMap((el) => [...el.attributes].map(({ value }) => value).concat([...el.childNodes].map((n) => n.nodeType === 3 ? n.data : "")))
  .filter((text) => /[\\u200b\\u200e\\u202e\\u2066\\ufeff\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f]|\\u{e0041}/u.test(text))`;

describe.skipIf(!hasChromium())("The view Tickets in Chromium", { timeout: 120_000 }, () => {
  test("axe-core finds no violation in any part or dialog; controls are large enough, and nothing is wider than the screen", async () => {
    const app = await startTicketsPageApp({ max_sessions: 2 });
    await playTicketScene(app);
    for (const { width, dark, locale } of SCREENS) {
      const page = await openPage(app.url, { width, dark, locale, height: 900 });
      await signIn(page);
      await page.click('#views [data-view="tickets"]');
      await page.waitForSelector("#tickets-view .question", WAIT);
      expect(await page.locator("#tickets-view .ticket").count()).toBe(5);
      const check = async (place: string) => {
        expect([place, await findViolations(page)]).toEqual([place, []]);
        expect([place, await page.evaluate(FIND_SMALL_TARGETS)]).toEqual([place, []]);
        expect([place, await page.evaluate("document.documentElement.scrollWidth")]).toEqual([place, width]);
      };
      await check(`${locale} ${width}`);
      // A dialog of each form: with a text, with a question, and with a box.
      await page.click('[data-part="pending"] .actions button:nth-child(2)');
      await check(`${locale} ${width} reject`);
      await page.keyboard.press("Escape");
      await page.click('[data-part="completed"] .actions button:last-child');
      await check(`${locale} ${width} remove`);
      await page.keyboard.press("Escape");
      await page.click("[data-part=sessions] .ticket:has(.screen:not(:empty)) .asks > div > .actions button");
      await page.waitForSelector(".terminal-panel");
      await check(`${locale} ${width} terminal`);
      // On a wide screen the view scrolls, not the document, also with texts for screen readers in it.
      await page.setViewportSize({ width: 1440, height: 480 });
      expect(await page.evaluate("document.documentElement.scrollHeight")).toBe(480);
      expect(page.problems).toEqual([]);
    }
  });

  test("hostile texts of people, files and programs run nothing and stay as wide as the screen; invisible characters are not shown", async () => {
    const app = await startTicketsPageApp();
    const long = "x".repeat(400);
    const item = app.requestTicket(`${SCRIPT}${INVISIBLE}`, {
      description_html: `<p>${SCRIPT.replaceAll("<", "&lt;")} ${INVISIBLE} ${long}</p>`,
    });
    const page = await signIn(await openPage(app.url, { width: 360 }));
    await page.click('#views [data-view="tickets"]');
    await page.waitForSelector(".ticket:has-text('window.hacked=1')", WAIT);
    const checkPage = async () => {
      expect(await page.evaluate(FIND_INVISIBLE)).toEqual([]);
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(360);
      expect(await page.evaluate("document.querySelectorAll('#tickets img, #tickets script').length")).toBe(0);
      expect(await page.evaluate("document.querySelectorAll('a[href^=\"javascript:\"]').length")).toBe(0);
    };
    await checkPage();
    await app.call("/api/approve/ONB-1");
    const token = await app.startSessions({
      screen: `${SCRIPT}${INVISIBLE}\n${long}`,
      branch: `groundcrew/${SCRIPT}${INVISIBLE}`.slice(0, 300),
      commits: [{ id: SCRIPT.slice(0, 60), subject: `${SCRIPT}${INVISIBLE}` }],
      conflicts: [`../${SCRIPT}${long}`],
      attention: `${SCRIPT}${INVISIBLE}`,
    });
    await app.hook("ONB-1", token, { hook_event_name: "Stop", last_assistant_message: `${SCRIPT}${INVISIBLE}${long}` });
    await page.waitForSelector("[data-part=sessions] .question:has-text('window.hacked=1')", WAIT);
    await page.waitForSelector("[data-part=sessions] .screen:has-text('window.hacked=1')");
    await checkPage();
    await app.exchange([
      createSession("ONB-1", {
        completion: { summary: `[link](javascript:window.hacked=1) ${SCRIPT}${INVISIBLE}${long}`, source: "file" },
      }),
    ]);
    await page.waitForSelector("[data-part=completed] .ticket:has-text('javascript:window.hacked=1')", WAIT);
    await checkPage();
    await app.call("/api/update-plane/ONB-1");
    const comments = app.plane.comments(item).map(({ comment_html }) => comment_html);
    expect(comments.join()).not.toMatch(/<script|<img|href="javascript/);
    expect(await page.evaluate("window.hacked")).toBeUndefined();
    expect(page.problems).toEqual([]);
  });
});
