import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { FIND_SMALL_TARGETS, findViolations } from "./accessibility-checks.ts";
import { closeSharedBrowser, hasChromium, type TestPage } from "./browser.ts";
import { openSignedInPage } from "./page-test-app.ts";
import { getScreenFrame, readColor, readScreen, STATE_TIMEOUT, startTerminalApp } from "./terminal-app.ts";
import { createSession, runTicketsPageApp, type TicketsPageApp } from "./tickets-page-app.ts";

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

const WAIT = { timeout: 30_000 };
const PHONE = { width: 360, height: 740, touch: true };
const LAST_ROW = "❯ 3. No, and tell Claude what to do";
/** As wide and high as the runner starts a session, with its cursor above the last row. */
const FRAME = {
  run: 1,
  columns: 120,
  rows: 40,
  cursor: { column: 2, row: 36 },
  screen: `${"row of the session\n".repeat(39)}${LAST_ROW}`,
};

let app: TicketsPageApp;
/** Opens the terminal of the session and takes over. */
async function openTakenTerminal(options: Parameters<typeof openSignedInPage>[1] = PHONE) {
  const page = await openSignedInPage(app.url, options);
  await page.goto(`${app.url}/terminal/ONB-1`);
  await app.sendFrame("ONB-1", FRAME);
  await page.frameLocator("#terminal-screen").locator(".xterm-rows", { hasText: LAST_ROW }).waitFor(WAIT);
  await page.locator("#terminal-take").click();
  return page;
}

interface PictureSize {
  font: number;
  /** The picture can be scrolled to the side. */
  isWider: boolean;
  isHigher: boolean;
  isLastRowVisible: boolean;
}

function measurePicture(page: TestPage): Promise<PictureSize> {
  return getScreenFrame(page).evaluate(`(() => {
    const rows = document.querySelector(".xterm-rows");
    const { scrollWidth, clientWidth, scrollHeight, clientHeight } = document.documentElement;
    const { top, bottom } = rows.lastElementChild.getBoundingClientRect();
    return {
      font: Number.parseFloat(getComputedStyle(rows).fontSize),
      isWider: scrollWidth > clientWidth,
      isHigher: scrollHeight > clientHeight,
      isLastRowVisible: top >= 0 && bottom <= clientHeight,
    };
  })()`);
}

describe.skipIf(!hasChromium())("The terminal on a phone in Chromium", { timeout: 120_000 }, () => {
  beforeAll(async () => {
    app = await runTicketsPageApp({});
    app.requestTicket("Write the mail that welcomes new colleagues");
    const approve = () => app.call("/api/approve/ONB-1") as Promise<{ session_id?: string }>;
    await vi.waitUntil(async () => (await approve()).session_id !== undefined, WAIT);
    await app.startSessions();
  });
  afterAll(async () => {
    await closeSharedBrowser();
    await app.close();
  });

  test("keys that touch keyboards lack are sent by buttons, in order, and the field keeps the focus", async () => {
    const page = await openTakenTerminal();
    const keys = page.locator("#terminal-keys button");
    expect(await keys.allTextContents()).toEqual(["Esc", "⇧Tab", "←", "↑", "↓", "→", "Ctrl C", "Enter"]);
    for (const key of await keys.all()) await key.tap();
    const names = ["Escape", "BTab", "Left", "Up", "Down", "Right", "C-c", "Enter"];
    const readInputs = async () => (await app.exchange([createSession("ONB-1")])).sessions[0]?.inputs ?? [];
    await expect
      .poll(async () => (await readInputs()).flatMap(({ kind, text }) => [kind, ...text.split(" ")]), WAIT)
      .toEqual(expect.arrayContaining(names));
    expect((await readInputs()).flatMap(({ text }) => text.split(" "))).toEqual(names);
    expect(await page.evaluate("document.activeElement?.id")).toBe("terminal-typing");
    await page.locator("#terminal-take").tap();
    expect(await page.locator("#terminal-keys").isVisible()).toBe(false);
    expect(page.problems).toEqual([]);
  });

  test("the font fits the width but has at least 10 pixels, and a lower frame shows the last row", async () => {
    const page = await openTakenTerminal();
    expect(await measurePicture(page)).toMatchObject({ font: 10, isWider: true });
    // As when the keyboard of the phone opens.
    await page.setViewportSize({ width: 360, height: 420 });
    await expect.poll(() => measurePicture(page), WAIT).toMatchObject({ font: 10, isLastRowVisible: true });
    await page.setViewportSize({ width: 1280, height: 800 });
    await expect.poll(async () => (await measurePicture(page)).isWider, WAIT).toBe(false);
    expect((await measurePicture(page)).isHigher).toBe(false);
    expect((await measurePicture(page)).font).toBeGreaterThan(10);
  });

  test("shows the lines above the picture, and finds a text in them", async () => {
    const page = await openTakenTerminal({ width: 1440, height: 800 });
    await page.click("#terminal-take");
    const above = Array.from({ length: 1_000 }, (_, i) => `line ${i}${i % 400 === 100 ? " needle" : ""}`);
    await app.sendFrame("ONB-1", { ...FRAME, above: above.join("\n"), is_above_whole: true });
    await page.click("#terminal-earlier");
    await expect.poll(() => readScreen(page), WAIT).toMatch(/line 999row of the session/);
    expect(await readScreen(page)).not.toContain(LAST_ROW);
    // Pictures go on below, and move nothing.
    await app.sendFrame("ONB-1", { ...FRAME, screen: FRAME.screen.replaceAll("row of", "new row of") });
    await expect.poll(() => readScreen(page), WAIT).toMatch(/line 999new row of the session/);
    expect(await readScreen(page)).not.toContain(LAST_ROW);

    await page.fill("#terminal-find", "needle");
    await page.press("#terminal-find", "Enter");
    await expect.poll(() => readScreen(page), WAIT).toContain("line 900 needle");
    expect(await page.textContent("#terminal-found")).toBe("3 / 3");
    await page.press("#terminal-find", "Enter");
    await expect.poll(() => page.textContent("#terminal-found"), WAIT).toBe("2 / 3");
    await expect.poll(() => readScreen(page), WAIT).toContain("line 500 needle");
    await page.click("#terminal-find-down");
    await expect.poll(() => readScreen(page), WAIT).toContain("line 900 needle");
    await page.fill("#terminal-find", "nowhere");
    await page.press("#terminal-find", "Enter");
    await expect.poll(() => page.textContent("#terminal-found"), WAIT).toBe("Not found");
    await page.fill("#terminal-find", "");
    await expect.poll(() => readScreen(page), WAIT).toContain(LAST_ROW);

    // The wheel does the same: it loads the lines, and scrolls on in them.
    const box = await page.locator("#terminal-screen").boundingBox();
    await page.mouse.move((box?.x ?? 0) + 200, (box?.y ?? 0) + 200);
    await page.mouse.wheel(0, -200);
    await expect.poll(() => readScreen(page), WAIT).toContain("line 999");
    expect(page.problems).toEqual([]);
  });

  test("axe-core finds no violation after taking over, and the keys are large enough and named in French", async () => {
    const page = await openTakenTerminal({ ...PHONE, dark: true, locale: "fr-FR" });
    expect(await findViolations(page)).toEqual([]);
    expect(await page.evaluate(FIND_SMALL_TARGETS)).toEqual([]);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(PHONE.width);
    const keys = page.getByRole("contentinfo").getByRole("group", { name: "Touches" });
    for (const name of ["Échap", "Maj Tab", "Flèche vers la gauche", "Flèche vers le haut", "Ctrl C", "Entrée"])
      expect(await keys.getByRole("button", { name, exact: true }).count()).toBe(1);
  });
});
