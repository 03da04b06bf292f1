import { afterAll, describe, expect, test } from "vitest";
import { createTaskOperations } from "../../functions/agent/tool.ts";
import { IS_FULL_RUN } from "../reliability/random-source.ts";
import { FIND_SMALL_TARGETS, findViolations } from "./accessibility-checks.ts";
import { closeSharedBrowser, hasChromium, openPage, type TestPage } from "./browser.ts";
import { openSignedInPage, PAGE_ADMIN_TOKEN, signIn, startPageTestApp } from "./page-test-app.ts";
import { startTeamPlanApp } from "./team-plan-app.ts";

afterAll(closeSharedBrowser);

const WAIT = { timeout: 45_000 };

/** A screen on which axe-core looks at each view. */
interface Screen {
  width: number;
  height: number;
  dark: boolean;
  locale: string;
}

const WIDE = { width: 1440, height: 800 };
const PHONE = { width: 360, height: 800 };
/** 1280 x 1024 pixels at 400 % zoom (WCAG 1.4.10). */
const ZOOMED = { width: 320, height: 256 };

/**
 * Each size, theme and language; all combinations, and axe-core at 400 % zoom, in the full run. In the usual one axe-core
 * looks at each view on one of the two screens.
 */
const SCREENS: readonly Screen[] = IS_FULL_RUN
  ? [WIDE, PHONE, ZOOMED].flatMap((size) =>
      [false, true].flatMap((dark) => ["en-GB", "fr-FR"].map((locale) => ({ ...size, dark, locale }))),
    )
  : [
      { ...WIDE, dark: false, locale: "en-GB" },
      { ...PHONE, dark: true, locale: "fr-FR" },
    ];

/** Each view by its address, with an element that it has then, and what is pressed there first. */
const PLACES: readonly [path: string, selector: string, pressed?: readonly string[]][] = [
  ["/inbox?agent=Thot", "#inbox .idle"],
  ["/board", "#board .card"],
  ["/board?status=todo", "#board .column.only"],
  ["/team", "#team .agent .task", ['#team [data-show="picture"]']],
  ["/team", "#team .agent .task", ['#team [data-show="table"]']],
  ["/plans/ONB", "#plan .figures button.key", [".figures button.key"]],
  ["/plans/ONB", "#plan .figures button.key", ['#plan [data-show="picture"]', ".node[data-critical] > button"]],
  ["/task/ONB-11", "#task h2"],
  ["/activity", "#trail tr"],
  ["/chat", "#chat .message"],
  ["/settings", "#settings h2"],
];

const ARABIC = "مراجعة التقرير الأسبوعي قبل الاجتماع";
const HOSTILE = `"><img src=x onerror=window.hacked=1> \u202egnp.exe ${"long".repeat(60)}`;

/** Counts the written texts whose direction is not theirs. */
const COUNT_WRONG_DIRECTIONS = `[...document.querySelectorAll(".written")].filter((el) => el.checkVisibility() &&
  (getComputedStyle(el).direction === "rtl") !== el.textContent.startsWith("${ARABIC.slice(0, 8)}")).length`;

/** Goes to an address as the keys back and forward do, without loading the page anew. */
async function goTo(page: TestPage, path: string) {
  await page.evaluate(
    `history.pushState(null, "", ${JSON.stringify(path)}); dispatchEvent(new PopStateEvent("popstate"))`,
  );
}

/** Checks that controls are large enough, and nothing is wider than the screen. */
async function checkSize(page: TestPage, place: string, width: number) {
  expect([place, await page.evaluate("document.documentElement.scrollWidth")]).toEqual([place, width]);
  expect([place, await page.evaluate(FIND_SMALL_TARGETS)]).toEqual([place, []]);
  expect([place, await page.evaluate(COUNT_WRONG_DIRECTIONS)]).toEqual([place, 0]);
}

describe.skipIf(!hasChromium())("axe-core finds no violation on the page", { timeout: 240_000 }, () => {
  test.each(SCREENS.map((screen, nth) => ({ ...screen, nth })))(
    "before sign-in, in any view and the palette, with hostile titles and ones from right to left, $locale, $width pixels, dark: $dark; nothing is too small or wider than the screen, also zoomed to 400 percent",
    async (screen) => {
      const { width, height, nth } = screen;
      const app = await startTeamPlanApp();
      const { plane, project, thot } = app;
      const [first, second] = [ARABIC, HOSTILE].map((name) => plane.addItem(project, { name, assignees: [thot] }));
      if (first && second) plane.relate(second, first);
      await app.deps().ticks.runNow("poll");
      const page = await openPage(app.url, screen);
      await page.waitForSelector("#sign-in:not([hidden])");
      expect(await findViolations(page)).toEqual([]);
      await signIn(page);
      await page.waitForSelector(".message", { ...WAIT, state: "attached" });
      const check = async (place: string, number: number) => {
        if (IS_FULL_RUN || number % SCREENS.length === nth)
          expect([place, await findViolations(page)]).toEqual([place, []]);
        await checkSize(page, place, width);
        await page.setViewportSize(ZOOMED);
        await checkSize(page, place, ZOOMED.width);
        await page.setViewportSize({ width, height });
      };
      for (const [number, [path, selector, pressed = []]] of PLACES.entries()) {
        await goTo(page, path);
        await page.locator(selector).filter({ visible: true }).first().waitFor(WAIT);
        for (const button of pressed) await page.click(button);
        await check([path, ...pressed].join(" "), number);
        if (path.startsWith("/plans")) await page.press("#plan-detail", "Escape");
      }
      await page.keyboard.press("Control+k");
      await page.waitForSelector(".palette [role=option]");
      await check("palette", PLACES.length);
      expect(await page.evaluate("window.hacked")).toBeUndefined();
      expect(page.problems).toEqual([]);
    },
  );
});

const FOCUSED = "document.activeElement";
const ALLOWED_USERS = { TELEGRAM_ALLOWED_USERS: "4711" };

type PageTestApp = Awaited<ReturnType<typeof startPageTestApp>>;

const expectInPage = (page: TestPage, expression: string) => expect.poll(() => page.evaluate(expression), WAIT);

async function askQuestion(app: PageTestApp, title: string, choices: string[]) {
  app.plane.addItem(app.project, { name: title, assignees: [app.thot] });
  await app.deps().ticks.runNow("poll");
  const thot = () => createTaskOperations(app.deps(), { name: "Thot", role: "worker" });
  await expect.poll(() => thot().claim("ONB-1"), WAIT).toBeDefined();
  await thot().ask("ONB-1", { text: "Formal or friendly?", choices });
}

describe.skipIf(!hasChromium())("The page used with the keyboard alone", { timeout: 120_000 }, () => {
  test("moves the focus to the view after signing in, and keeps it when elements are redrawn", async () => {
    const app = await startPageTestApp();
    const page = await openPage(`${app.url}/board`);
    await page.fill("#token", PAGE_ADMIN_TOKEN);
    await page.press("#token", "Enter");
    await expectInPage(page, `${FOCUSED}.id`).toBe("board");
    const item = app.plane.addItem(app.project, { name: "One" });
    await page.press('.card:has-text("One") > button', "Enter");
    await page.focus("#why-of .chip");
    app.plane.editItem(item, { priority: "high" });
    await page.waitForSelector('#trail tr:has-text("High")', WAIT);
    expect(await page.evaluate(`${FOCUSED}.className`)).toContain("chip");
    await page.keyboard.press("Enter");
    await expectInPage(page, `${FOCUSED}.textContent`).toContain("One");
    await page.keyboard.press("Tab");
    expect(await page.evaluate(`${FOCUSED}.ariaLabel`)).toBe("Open ONB-1 in Plane");
  });

  test("answers a question with a button and keeps the focus on its message", async () => {
    const app = await startPageTestApp(ALLOWED_USERS);
    const page = await openSignedInPage(app.url);
    await askQuestion(app, "Mail", ["Formal", "Friendly"]);
    await page.press('.row button:has-text("Friendly")', "Enter", WAIT);
    // The press is answered in a message of its own; then the question is edited, and its buttons go.
    const focusedMessage = () => page.evaluate(`${FOCUSED}.closest(".message")?.textContent`);
    await expect.poll(focusedMessage, WAIT).toMatch(/^❓.*Question from Thot[\s\S]*Answered by admin/);
  });

  test("answers a question with a reply in the user's own words", async () => {
    const app = await startPageTestApp(ALLOWED_USERS);
    const page = await openSignedInPage(app.url);
    await askQuestion(app, "Mail", []);
    await page.press('.message:has-text("Formal or friendly?") .reply', "Enter", WAIT);
    expect(await page.evaluate(`${FOCUSED}.id`)).toBe("say-text");
    await page.waitForSelector("#say-to .chip:has-text('Question from Thot: ONB-1 Mail”')");
    await page.keyboard.press("Escape");
    expect(await page.isVisible("#say-to")).toBe(false);
    await page.press('.message:has-text("Formal or friendly?") .reply', "Enter");
    await page.keyboard.type("Warm, but short");
    await page.keyboard.press("Enter");
    await page.waitForSelector('.message:has-text("Answered by admin"):has-text("Warm, but short")', WAIT);
    expect(await page.isVisible("#say-to")).toBe(false);
    await page.waitForSelector('tr:has-text("admin answered the question of Thot: “Warm, but short”")', WAIT);
    await page.waitForSelector('tr:has-text("Thot asked a question: “Formal or friendly?”")');
    expect(page.problems).toEqual([]);
  });

  test("moves the focus to a card's task and to a message on a phone, and opens the chat at its end", async () => {
    const app = await startPageTestApp(ALLOWED_USERS);
    const page = await openSignedInPage(app.url, { width: 375, height: 420 });
    for (let i = 0; i < 4; i += 1) app.plane.addItem(app.project, { name: `Task ${i}`, state: "Todo" });
    await page.waitForSelector('.card:has-text("Task 3")', WAIT);
    for (const item of app.plane.items(app.project)) app.plane.editItem(item, { state: "Done" });
    await page.press('.card:has-text("Task 0") > button', "Enter");
    await expectInPage(page, `${FOCUSED}.id`).toBe("task");
    await page.press('#trail tr:has-text("completed") button.link', "Enter", WAIT);
    await expectInPage(page, `${FOCUSED}.className`).toContain("message");
    for (const word of ["status", "help", "help"]) {
      await page.fill("#say-text", `/plane ${word}`);
      await page.press("#say-text", "Enter");
      await expectInPage(page, "document.querySelector('#say-text').value").toBe("");
    }
    await expectInPage(page, "document.documentElement.scrollHeight > 2 * innerHeight").toBe(true);
    for (const view of ["board", "chat"]) await page.click(`#views [data-view="${view}"]`);
    await expectInPage(page, "innerHeight + scrollY >= document.documentElement.scrollHeight - 1").toBe(true);
    await page.evaluate("scrollTo(0, 0)");
    const { y, height } = (await page.locator("#say-text").boundingBox()) ?? { y: 0, height: 0 };
    expect(y + height).toBeGreaterThan(300);
    expect(y + height).toBeLessThan(420 - 47);
  });
});

describe.skipIf(!hasChromium())("The accessibility of the page", { timeout: 120_000 }, () => {
  test("a screen reader announces only new events, and groups those that arrive in quick succession", async () => {
    const app = await startPageTestApp();
    app.plane.addItem(app.project, { name: "Before" });
    const page = await openPage(app.url);
    expect(await page.getAttribute("#messages", "aria-live")).toBe("off");
    await signIn(page);
    await page.waitForSelector('tr:has-text("Before")', WAIT);
    await page.evaluate(
      `window.said = []; new MutationObserver(() => said.push(news.textContent)).observe(news, { childList: true })`,
    );
    for (let i = 0; i < 4; i += 1) {
      app.plane.addItem(app.project, { name: `Task ${i}` });
      await page.waitForSelector(`tr:has-text("Task ${i}")`, WAIT);
    }
    await expectInPage(page, "said.length").toBe(2);
    expect(await page.evaluate("said[1]")).toMatch(/^3 new events\. Latest: ONB-5: This task was created/);
    expect(await page.getAttribute("#messages", "aria-live")).toBe("polite");
  });

  test("a French page reports what the server refuses in French", async () => {
    const app = await startPageTestApp();
    const page = await openPage(app.url, { locale: "fr-FR" });
    await page.fill("#token", "not it");
    await page.press("#token", "Enter");
    await page.waitForSelector("#sign-in-problem:has-text('Le jeton ne correspond pas à ADMIN_TOKEN')");
    const error = { code: "unavailable", message: "The store cannot be written." };
    await page.route("**/api/session", (route) => route.fulfill({ status: 503, json: { error } }));
    await page.press("#token", "Enter");
    await page.waitForSelector("#sign-in-problem:has-text('Groundcrew ne peut pas répondre pour le moment')");
    await page.route("**/api/session", (route) => route.abort());
    await page.press("#token", "Enter");
    await page.waitForSelector("#sign-in-problem:has-text('Groundcrew ne répond pas')");
    expect(page.problems).toEqual([]);
  });
});
