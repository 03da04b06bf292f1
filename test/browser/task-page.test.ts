import { expect, test } from "vitest";
import { describeInChromium } from "./browser.ts";
import { openAt, startPageTestApp, WAIT } from "./page-test-app.ts";

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
    expect(page.problems).toEqual([]);
  });
});
