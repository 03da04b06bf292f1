import { expect, test } from "vitest";
import { z } from "zod";
import { describeInChromium, type TestPage } from "./browser.ts";
import { openAt, openSignedInPage, PAGE_ADMIN_TOKEN, PAGE_CHAT, startPageTestApp, WAIT } from "./page-test-app.ts";
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
    expect(await page.locator('.nodes button[tabindex="0"]').count()).toBe(1);
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
  });
});

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
  });
});

const HOSTILE = "<img src=x onerror=window.hacked=1> \u202egnp.exe";

const DESCRIPTION = `<h2>Goal</h2><p>Write it <strong>well</strong>, as <a href="javascript:window.hacked=1">here</a> and
  <a href="https://example.com/style">there</a>.</p><script>window.hacked=1</script><ul><li>short</li></ul>`;

describeInChromium("The page of a task", () => {
  test("shows its description, files and dependencies as text and links, and takes a comment with the keyboard", async () => {
    const { plane, project, thot, url, deps, actAsThot } = await startPageTestApp();
    const item = plane.addItem(project, { name: HOSTILE, assignees: [thot], description_html: DESCRIPTION });
    plane.relate(plane.addItem(project, { name: "Translate it" }), item);
    await deps().ticks.runNow("poll");
    await expect.poll(() => actAsThot().claim("ONB-1"), WAIT).toBeDefined();
    const file = new Blob(["# Notes\n\n<img src=x onerror=window.hacked=1> **bold** [here](javascript:alert(1))"]);
    await actAsThot().deliver({ task: "ONB-1", name: "notes.md", file });
    await actAsThot().deliver({ task: "ONB-1", name: "guide.txt", file: new Blob(["first line\n<b>second</b>"]) });
    const page = await openAt(`${url}/task/onb-1`);
    await page.waitForSelector("#task h2", WAIT);
    await expect.poll(() => page.innerText("#task h2"), WAIT).toContain("<img src=x onerror=window.hacked=1>");
    expect(await page.title()).toBe("ONB-1 · Groundcrew");
    expect(await page.innerText("#task .formatted p")).toBe("Write it well, as here and there.");
    expect(await page.locator("#task .formatted").first().locator("a").allTextContents()).toEqual(["there"]);
    expect(await page.innerText("#task dl")).toMatch(/Agent\s+Thot[\s\S]*In work/);
    await page.press('#task button:has-text("Preview")', "Enter");
    await expect.poll(() => page.textContent("#task pre"), WAIT).toBe("first line\n<b>second</b>");
    // Markdown is shown with its formatting, as elements that the page draws.
    const notes = "#task li:has(button):has-text('notes.md')";
    await page.press(`${notes} button:has-text("Preview")`, "Enter");
    await expect.poll(() => page.locator(`${notes} .formatted strong`).allTextContents(), WAIT).toEqual(["bold"]);
    expect(await page.locator(`${notes} h4`).allTextContents()).toEqual(["Notes"]);
    expect(await page.locator(`${notes} .formatted :is(img, a)`).count()).toBe(0);
    const download = page.waitForEvent("download");
    await page.press('#task a:has-text("Download")', "Enter");
    expect((await download).suggestedFilename()).toBe("guide.txt");

    const headers = `fetch(document.querySelector('#task a[download]').href).then(({ headers }) =>
      [headers.get("content-type"), headers.get("content-disposition"), headers.get("x-content-type-options")])`;
    expect(await page.evaluate(headers)).toEqual(["application/octet-stream", "attachment", "nosniff"]);

    await page.focus("#task textarea");
    await page.keyboard.type("Mind the tone");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#task li:has-text('Mind the tone'):has-text('not read by Thot yet')", WAIT);
    expect(await page.inputValue("#task textarea")).toBe("");
    page.once("dialog", (dialog) => dialog.accept());
    await page.press('#task button:has-text("⏹")', "Enter");
    await page.waitForSelector('#task button:has-text("⏹")', { ...WAIT, state: "detached" });
    await page.press('#task a:has-text("ONB-2")', "Enter");
    await expect.poll(() => page.innerText("#task h2"), WAIT).toBe("Translate it");
    expect(await page.evaluate("location.pathname")).toBe("/task/ONB-2");
    await page.waitForSelector("#task section:has-text('Waits for') a:has-text('ONB-1')");
    await page.press('#task button:has-text("Assign")', "Enter");
    await expect.poll(() => page.innerText("#task dl"), WAIT).toMatch(/Agent\s+Thot/);
    expect(await page.evaluate("document.querySelectorAll('#task img').length + (window.hacked ?? 0)")).toBe(0);
  });
});
