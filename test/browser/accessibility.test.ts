import { afterAll, describe, expect, test } from "vitest";
import { createTaskOperations } from "../../functions/agent/tool.ts";
import { closeSharedBrowser, hasChromium, openPage, type TestPage } from "./browser.ts";
import { openSignedInPage, PAGE_ADMIN_TOKEN, signIn, startPageTestApp } from "./page-test-app.ts";

afterAll(closeSharedBrowser);

const WAIT = { timeout: 45_000 };

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
