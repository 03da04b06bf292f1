import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { startDemo } from "../../demo/start.ts";
import { createTestSettings } from "../support/settings.ts";
import { closeSharedBrowser, hasChromium, openPage } from "./browser.ts";

afterAll(closeSharedBrowser);

describe.skipIf(!hasChromium())("The demo's console in Chromium", () => {
  test("moves cards, drops and duplicates webhooks and kills Groundcrew, and no event is lost or duplicated", {
    timeout: 300_000,
  }, async () => {
    const folder = mkdtempSync(join(tmpdir(), "groundcrew-console-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const demo = await startDemo(createTestSettings({ PORT: "0" }), {
      write: () => {},
      colour: false,
      pace: 300,
      speed: 3,
      folder: relative(process.cwd(), join(folder, "demo")),
    });
    onTestFinished(() => demo.stop());
    const page = await openPage(`${demo.url}/board`);
    const card = (column: string, title: string) => `[data-column="${column}"] .card:has-text("${title}")`;
    const fate = page.locator("#console-fate");
    const wait = { timeout: 60_000 };
    const readFate = () => page.evaluate("fetch('/demo/state').then((r) => r.json()).then((s) => s.fate)");
    /**
     * Chooses what happens to the webhooks and drags a card to “done”. The events of the drag come in one turn, because the
     * agents' cards move meanwhile, and a mouse would sometimes hold another card.
     */
    const finish = async (title: string, chosen: "drop" | "double") => {
      await fate.selectOption(chosen);
      await expect.poll(readFate, wait).toBe(chosen);
      const isDraggable = await page.evaluate(`(() => {
        const dataTransfer = new DataTransfer();
        const drag = (target, type) =>
          target.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer }));
        const cards = [...document.querySelectorAll('[data-column="todo"] .card')];
        const card = cards.find((one) => one.textContent.includes(${JSON.stringify(title)}));
        const column = document.querySelector('[data-column="done"]');
        card.dispatchEvent(new PointerEvent("pointerdown", { bubbles: true }));
        drag(card, "dragstart");
        drag(column, "dragover");
        drag(column, "drop");
        drag(card, "dragend");
        return card.draggable;
      })()`);
      expect(isDraggable).toBe(true);
    };

    await page.waitForSelector(".card", wait);
    // One line at the bottom, which stays as the person left it.
    expect(await page.isVisible("#console-fate")).toBe(false);
    await page.click("#console summary");
    await page.reload();
    await page.waitForSelector(".card", wait);
    await fate.waitFor(wait);
    // Each control says what it does and what to watch for, to screen readers as well.
    const killButton = page.getByRole("button", { name: "kill -9 Groundcrew" });
    const explanation = await killButton.getAttribute("aria-describedby");
    expect(await page.textContent(`#${explanation}`)).toMatch(/^Ends the process without warning\..*Watch: /);
    expect(await page.locator("#console .does").count()).toBe(8);
    await page.fill('#console input[type="text"]', "Mine <i>1</i>");
    await page.click("#console form button");
    await page.waitForSelector(card("todo", "Mine <i>1</i>"), wait);

    await fate.selectOption("drop");
    await page.waitForSelector("#console-fate-does:has-text('at the next poll')", wait);
    await finish("Mine <i>1</i>", "drop");
    await page.waitForSelector(card("done", "Mine <i>1</i>"), wait);
    await page.waitForSelector('tr:has-text("Mine"):has-text("completed"):has-text("poll")', wait);

    await page.fill('#console input[type="text"]', "Mine too");
    await page.click("#console form button");
    await page.waitForSelector(card("todo", "Mine too"), wait);
    await page.click("#console .kill");
    await page.waitForSelector("#lost:not([hidden])", wait);
    await page.waitForSelector('#live[data-is="on"]', wait);
    await finish("Mine too", "double");
    await page.waitForSelector('tr:has-text("Mine too"):has-text("completed") .fate[data-is="delivered"]', {
      timeout: 60_000,
    });

    await demo.finished;
    const tally = async () => {
      const answer: unknown = await page.evaluate("fetch('/demo/state').then((r) => r.json())");
      return answer;
    };
    await expect
      .poll(tally, { timeout: 40_000, interval: 500 })
      .toMatchObject({ restarts: 1, tally: { missing: [], doubled: [] } });
    await page.waitForSelector('#console .tally:has-text("nothing lost, nothing doubled")');
    expect(page.problems.filter((wrong) => !wrong.includes("ERR_CONNECTION_REFUSED"))).toEqual([]);
  });
});

/** The demo plays its own wish first, at the agents' pace of one request a second. */
const WAIT = { timeout: 110_000 };

describe.skipIf(!hasChromium())("The demo's loop in Chromium", () => {
  test("a wish written on the page is planned and approved with a tap; in a full run it is summed up", {
    timeout: 180_000,
  }, async () => {
    const folder = mkdtempSync(join(tmpdir(), "groundcrew-loop-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const output: string[] = [];
    const demo = await startDemo(createTestSettings({ PORT: "0" }), {
      write: (text) => void output.push(text),
      colour: false,
      pace: 300,
      speed: 2,
      folder: relative(process.cwd(), join(folder, "demo")),
    });
    onTestFinished(() => demo.stop());
    const page = await openPage(`${demo.url}/board`);
    const message = (text: string) => `.message:not(.mine):has-text("${text}")`;
    await page.waitForSelector("#say:not([hidden])", { timeout: 30_000 });
    await page.fill("#say-text", "/plane new add dark mode to the website");
    await page.press("#say-text", "Enter");
    await page.waitForSelector(message("add dark mode to the website"), WAIT);
    await page.waitForSelector(message("Build: add dark mode to the website"), WAIT);
    await page.waitForSelector('.card:has-text("Design: add dark mode to the website")', WAIT);
    expect(demo.chat().filter((text) => text.includes("Build: add dark mode to the website"))).toHaveLength(1);
    if (!process.env["FULL"]) return;
    await page.waitForSelector(message("Add dark mode to the website is done."), WAIT);
    const summary = demo.chat().filter((text) => text.includes("Add dark mode to the website is done."));
    expect(summary).toHaveLength(1);
    expect(summary[0]).toMatch(/Design: [^\n]+ by Ptah: DMW-1[\s\S]+Build: [^\n]+ by Seshat: DMW-2[\s\S]+Cost: 0/);
    expect(output.join("")).toMatch(/Seshat reads DMW-1\.md, the result of DMW-1/);
    expect(page.problems).toEqual([]);
  });
});
