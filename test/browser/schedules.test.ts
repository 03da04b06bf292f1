import { expect, test } from "vitest";
import { z } from "zod";
import { describeInChromium } from "./browser.ts";
import { openSignedInPage, PAGE_ADMIN_TOKEN, PAGE_CHAT, startPageTestApp, WAIT } from "./page-test-app.ts";

const toPlainText = (text = "") => text.replaceAll("\u2060", "");

describeInChromium("Recurring work", () => {
  test("RECUR-02 work recurs by Telegram and HTTP, and the page lists, pauses, runs, edits, deletes and restores it", async () => {
    const app = await startPageTestApp({ TELEGRAM_ALLOWED_USERS: String(PAGE_CHAT) }, () => {}, {
      schedules: [{ name: "digest", cron: "0 9 1 * *", project: "ONB", title: "Digest {month}" }],
    });
    // Telegram: what was understood is read back, and a tap creates it.
    await app.telegram.postAsUser(PAGE_CHAT, PAGE_CHAT, "/plane every monday 9:00 check the backups @thot");
    const getMessages = () => app.telegram.chat(PAGE_CHAT).messages.filter(({ from }) => from === undefined);
    await expect.poll(() => toPlainText(getMessages().at(-1)?.text), WAIT).toContain("every Monday at 9:00");
    const question = getMessages().at(-1);
    expect(toPlainText(question?.text)).toContain("Assigned to Thot\nNext: ");
    await app.telegram.press(PAGE_CHAT, PAGE_CHAT, question?.id ?? 0, question?.buttons[0]?.[0]?.callback_data ?? "");
    await expect.poll(() => app.plane.items(app.project).map(({ name }) => name), WAIT).toEqual(["check the backups"]);
    // HTTP: in words, too.
    const post = async (body: object) => {
      const headers = { authorization: `Bearer ${PAGE_ADMIN_TOKEN}`, "content-type": "application/json" };
      return fetch(`${app.url}/api/schedules`, { method: "POST", headers, body: JSON.stringify(body) });
    };
    const created = await post({ project: "ONB", title: "Review", when: "chaque jour à 8h" });
    expect(z.looseObject({ cron: z.string() }).parse(await created.json())).toMatchObject({ cron: "0 8 * * *" });

    const page = await openSignedInPage(app.url);
    await page.click('#views [data-view="schedules"]');
    const row = (name: string) => page.locator(`[data-schedule="${name}"]`);
    await row("digest").waitFor(WAIT);
    expect(await row("digest").innerText()).toMatch(/ONB · settings file[\s\S]+on the 1st of every month at 9:00/);
    expect(await row("digest").getByRole("button").allInnerTexts()).toEqual(["Pause\ndigest", "Run now\ndigest"]);
    await row("Review").getByRole("button", { name: "Pause" }).click();
    await row("Review")
      .getByText(/^paused by /)
      .waitFor(WAIT);
    await row("Review").getByRole("button", { name: "Resume" }).click();
    await row("Review").getByRole("button", { name: "Pause" }).waitFor(WAIT);

    await row("check the backups").getByRole("button", { name: "Run now" }).click();
    await row("check the backups").getByText("to do, Thot").waitFor(WAIT);
    const names = ["check the backups", "Review", "check the backups"];
    expect(app.plane.items(app.project).map(({ name }) => name)).toEqual(names);

    await row("Review").getByRole("button", { name: "Edit" }).click();
    const when = row("Review").getByRole("textbox", { name: "When" });
    expect(await when.inputValue()).toBe("every day at 8:00");
    await when.fill("every friday at 16:00");
    await when.press("Enter");
    await row("Review").getByText("every Friday at 16:00").waitFor(WAIT);

    await row("Review").getByRole("button", { name: "Delete" }).click();
    await row("Review").getByText("Deleted:").waitFor(WAIT);
    await row("Review").getByRole("button", { name: "Undo" }).click();
    await row("Review").getByText("every Friday at 16:00").waitFor(WAIT);

    await page.selectOption("#language", "fr");
    await row("Review").getByText("chaque vendredi à 16 h 00").waitFor(WAIT);
    expect(page.problems).toEqual([]);
  });
});
