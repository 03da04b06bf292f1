import { afterAll, describe, expect, test } from "vitest";
import { closeSharedBrowser, hasChromium } from "./browser.ts";
import { getScreenFrame, readScreen, STATE_TIMEOUT, startTerminalApp } from "./terminal-app.ts";

afterAll(closeSharedBrowser);

/** What a session may print to act on a terminal: clipboard, links, titles, requests for answers, modes, a reset. */
const SEQUENCES = [
  "\\033]52;c;cm0gLXJmIC8=\\007\\033]52;c;?\\007",
  "\\033]8;;https://evil.example/\\033\\\\click\\033]8;;\\033\\\\",
  "\\033]0;evil title\\007\\033]2;evil title\\007",
  "\\033[c\\033[>c\\033[6n\\033[5n\\033[21t\\033]11;?\\007\\033P$qm\\033\\\\",
  "\\033[?1000h\\033[?1003h\\033[?2004h\\033[?1h",
];
const MARKUP = "<img src=x onerror=window.hacked=1><script>window.hacked=1</script>";

describe.skipIf(!hasChromium())("The terminal with hostile output in Chromium", { timeout: 180_000 }, () => {
  test("does nothing but show text: no clipboard, links, titles, answers or scripts", async () => {
    const app = await startTerminalApp();
    const key = await app.startSession([`run printf '${SEQUENCES.join("")}'; echo '${MARKUP}'`]);
    const page = await app.openTerminal(key);
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"], { origin: app.url });
    const copy = "navigator.clipboard.writeText('mine')";
    await page.evaluate(copy);
    const inputs: string[] = [];
    page.on("request", (request) => request.url().endsWith("/input") && inputs.push(request.url()));
    const events: string[] = [];
    page.on("popup", () => events.push("popup"));
    page.on("dialog", (dialog) => void dialog.dismiss().then(() => events.push("dialog")));
    page.on("download", () => events.push("download"));
    await expect.poll(() => readScreen(page), STATE_TIMEOUT).toContain("all done");
    expect(await readScreen(page)).toContain(MARKUP.slice(0, 30));
    expect(await page.title()).toBe(`Terminal of ${key}`);

    const frame = getScreenFrame(page);
    expect(await frame.evaluate("window.origin")).toBe("null");
    expect(await frame.evaluate("document.querySelectorAll('.xterm-rows :is(a, img, script)').length")).toBe(0);
    for (const word of ["click", "img"]) {
      const box = await page.frameLocator("#terminal-screen").locator(".xterm-rows > div", { hasText: word }).first();
      await box.click({ force: true, modifiers: ["ControlOrMeta"] });
    }
    // Keys that are pressed in the picture go nowhere, and Tab leaves it.
    await page.keyboard.type("rm -rf");
    await page.keyboard.press("Enter");
    expect(await page.evaluate("navigator.clipboard.readText()").catch(() => "mine")).toBe("mine");
    expect([inputs, events]).toEqual([[], []]);
    const { sessions } = await app.call("/api/sessions");
    expect(sessions[0].screen).not.toContain("rm -rf\n");
    for (const target of [page, frame]) expect(await target.evaluate("window.hacked")).toBeUndefined();

    // What got into the frame nevertheless could reach nothing.
    const attempts = `Promise.all([
      fetch("/api/sessions").then(() => "fetched", () => "refused"),
      fetch("https://evil.example/").then(() => "fetched", () => "refused"),
      Promise.resolve().then(() => parent.document.title).then(() => "read", () => "refused"),
      Promise.resolve().then(() => localStorage.length).then(() => "read", () => "refused"),
      Promise.resolve().then(() => { top.location = "https://evil.example/"; }).then(() => "moved", () => "refused"),
      Promise.resolve().then(() => window.open("/")).then((opened) => opened ? "opened" : "refused", () => "refused"),
      Promise.resolve().then(() => { document.body.innerHTML = "<b>x</b>"; }).then(() => "written", () => "refused"),
    ])`;
    expect(await frame.evaluate(attempts)).toEqual(Array(7).fill("refused"));
    // Messages of the frame other than its signal mean nothing.
    await frame.evaluate("parent.postMessage({ kind: 'keys', text: 'evil' }, '*')");
    await frame.evaluate("parent.postMessage('evil', '*')");
    expect(inputs).toEqual([]);
    expect(page.url()).toBe(`${app.url}/terminal/${key}`);
  });

  test("shows nothing to somebody who has not signed in, and is framed by no other site", async () => {
    const app = await startTerminalApp();
    const key = await app.startSession();
    const page = await app.openTerminal(key);
    await expect.poll(() => readScreen(page), STATE_TIMEOUT).toContain("all done");
    await page.context().clearCookies();
    await page.reload();
    await expect.poll(() => page.textContent("#terminal-phase"), STATE_TIMEOUT).toContain("Sign in on the page");
    expect(await readScreen(page)).not.toContain("all done");
    expect(await page.isDisabled("#terminal-take")).toBe(true);
    for (const path of [`/terminal/${key}`, "/terminal/screen"]) {
      const { headers } = await fetch(app.url + path);
      expect(headers.get("content-security-policy")).toContain("frame-ancestors 'self'");
      expect(headers.get("x-frame-options")).toBe("SAMEORIGIN");
    }
  });
});
