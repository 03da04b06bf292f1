import { expect, test } from "vitest";
import { describeInChromium, type TestPage } from "./browser.ts";
import { askQuestion, expectInPage, openSignedInPage, runPageApp, shareApp, WAIT } from "./page-test-app.ts";

const FOCUSED = "document.activeElement";

async function sendChatMessage(page: TestPage, text: string) {
  await page.fill("#say-text", text);
  await page.press("#say-text", "Enter");
}

const answerSelector = (text: string) => `.message:not(.mine):has-text("${text}")`;

describeInChromium("The page's chat", () => {
  const getApp = shareApp(() => runPageApp({ TELEGRAM_ALLOWED_USERS: "4711" }));

  test("sends a command by keyboard and shows it with its reply, in Telegram too; a button replaces a question by its answer", async () => {
    const { telegram, plane, project, url } = getApp();
    for (const name of ["Mail to <b>Ada</b>", "Mail to Bob"]) plane.addItem(project, { name });
    const page = await openSignedInPage(url);
    await page.waitForSelector("#say:not([hidden])");
    await page.waitForSelector('.card:has-text("Mail to Bob")', WAIT);
    await sendChatMessage(page, "/plane status");
    await page.waitForSelector(answerSelector("Onboarding (ONB)"), WAIT);
    expect(await page.textContent(".message.mine .text")).toBe("/plane status");
    expect(await page.inputValue("#say-text")).toBe("");
    expect(await page.evaluate(`${FOCUSED}.id`)).toBe("say-text");
    expect(
      telegram
        .chat(4711)
        .messages.map(({ text }) => text)
        .join(),
    ).toContain("Onboarding");
    await sendChatMessage(page, "/plane task mail");
    await page.locator(".message .row button", { hasText: "Mail to <b>Ada</b>" }).press("Enter");
    await page.waitForSelector(answerSelector("Mail to <b>Ada</b>"), WAIT);
    await expect.poll(() => page.locator(".message .row button").count(), WAIT).toBe(0);
    expect(await page.evaluate("document.querySelectorAll('#messages b').length")).toBe(0);
    expect(page.problems).toEqual([]);
  });

  test("answers an agent's question with a button, whose message keeps the focus, and with a reply in one's own words", async () => {
    const app = getApp();
    const page = await openSignedInPage(app.url);
    await askQuestion(app, "Letter", "Formal or friendly?", ["Formal", "Friendly"]);
    await page.press('.row button:has-text("Friendly")', "Enter", WAIT);
    // The press is answered in a message of its own; then the question is edited, and its buttons go.
    const readFocused = () => page.evaluate(`${FOCUSED}.closest(".message")?.textContent`);
    await expect.poll(readFocused, WAIT).toMatch(/^❓.*Question from Thot[\s\S]*Answered by admin/);

    const key = await askQuestion(app, "Note", "Long or short?", []);
    await page.press('.message:has-text("Long or short?") .reply', "Enter", WAIT);
    expect(await page.evaluate(`${FOCUSED}.id`)).toBe("say-text");
    await page.waitForSelector(`#say-to .chip:has-text('Question from Thot: ${key} Note”')`);
    await page.keyboard.press("Escape");
    expect(await page.isVisible("#say-to")).toBe(false);
    await page.press('.message:has-text("Long or short?") .reply', "Enter");
    await page.keyboard.type("Warm, but short");
    await page.keyboard.press("Enter");
    await page.waitForSelector('.message:has-text("Answered by admin"):has-text("Warm, but short")', WAIT);
    expect(await page.isVisible("#say-to")).toBe(false);
    await page.waitForSelector('tr:has-text("admin answered the question of Thot: “Warm, but short”")', WAIT);
    expect(page.problems).toEqual([]);
  });

  test("on a French phone its controls have names, and it opens at its end", async () => {
    const page = await openSignedInPage(getApp().url, { locale: "fr-FR", width: 375, height: 420 });
    await page.click('#views [data-view="chat"]');
    await page.waitForSelector("#say:not([hidden])");
    expect(await page.getByRole("textbox", { name: "Message à Groundcrew" }).count()).toBe(1);
    expect(await page.getByRole("button", { name: "Envoyer" }).count()).toBe(1);
    for (let i = 0; i < 2; i += 1) {
      await sendChatMessage(page, "/plane aide");
      await expect.poll(() => page.locator(answerSelector("Commandes")).count(), WAIT).toBe(i + 1);
    }
    await expectInPage(page, "document.documentElement.scrollHeight > 2 * innerHeight").toBe(true);
    for (const view of ["board", "chat"]) await page.click(`#views [data-view="${view}"]`);
    await expectInPage(page, "innerHeight + scrollY >= document.documentElement.scrollHeight - 1").toBe(true);
    expect(page.problems).toEqual([]);
  });
});
