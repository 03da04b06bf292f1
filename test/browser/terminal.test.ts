import { afterAll, describe, expect, test } from "vitest";
import { closeSharedBrowser, hasChromium } from "./browser.ts";
import { readColor, readScreen, STATE_TIMEOUT, startTerminalApp } from "./terminal-app.ts";

afterAll(closeSharedBrowser);

describe.skipIf(!hasChromium())("The terminal of a session in Chromium", { timeout: 180_000 }, () => {
  test("shows the session in colours, types after taking over, and keeps the last screen", async () => {
    const app = await startTerminalApp();
    const key = await app.startSession(["run printf '\\033[31mred\\033[0m \\033[38;2;1;200;3mtrue\\033[0m'"]);
    const page = await app.openTerminal(key);
    await expect.poll(() => readScreen(page), STATE_TIMEOUT).toContain("all done");
    // Colours of the palette are classes, others attributes: the policy has to allow both.
    await expect.poll(() => readColor(page, "red"), STATE_TIMEOUT).toBe("rgb(204, 0, 0)");
    expect(await readColor(page, "true")).toBe("rgb(1, 200, 3)");
    await expect.poll(() => page.textContent("#terminal-phase"), STATE_TIMEOUT).toBe("Live");

    // Read-only: keys change nothing until a person takes over.
    expect(await page.isVisible("#terminal-typing")).toBe(false);
    await page.click("#terminal-take");
    expect(await page.evaluate("document.activeElement?.id")).toBe("terminal-typing");
    await page.keyboard.type("echo 'é' Up; ok");
    await page.keyboard.press("Enter");
    await expect.poll(() => readScreen(page), STATE_TIMEOUT).toContain("Fake answer: echo 'é' Up; ok");
    await page.keyboard.press("F6");
    expect(await page.isVisible("#terminal-typing")).toBe(false);
    expect(await page.evaluate("document.activeElement?.id")).toBe("terminal-take");

    // The button gives the terminal back as F6 does: what is typed then arrives nowhere.
    await page.click("#terminal-take");
    await page.keyboard.type("half");
    await page.click("button:text-is('Give back')");
    expect(await page.isVisible("#terminal-typing")).toBe(false);
    expect(await page.textContent("#terminal-take")).toBe("Take over");
    expect(await page.evaluate("document.activeElement?.id")).toBe("terminal-take");
    await page.keyboard.type("lost");
    await page.click("#terminal-take");
    await page.keyboard.type(" whole");
    await page.keyboard.press("Enter");
    await expect.poll(() => readScreen(page), STATE_TIMEOUT).toContain("Fake answer: half whole");
    await page.click("button:text-is('Give back')");

    await app.call(`/api/sessions/${key}/complete`, { summary: "Done" });
    await expect.poll(() => page.textContent("#terminal-phase"), STATE_TIMEOUT).toMatch(/^Ended\. Last screen, /);
    expect(await readScreen(page)).toContain("Fake answer: echo");
    expect(await page.isDisabled("#terminal-take")).toBe(true);
    expect(page.problems).toEqual([]);
  });
});
