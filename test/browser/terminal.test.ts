import type { Frame } from "playwright-core";
import { beforeAll, expect, test, vi } from "vitest";
import { FIND_SMALL_TARGETS, findViolations } from "./accessibility-checks.ts";
import { describeInChromium, type TestPage } from "./browser.ts";
import { openSignedInPage, shareApp, WAIT } from "./page-test-app.ts";
import { createSession, runTicketsPageApp } from "./tickets-page-app.ts";

const PHONE = { width: 360, height: 740, touch: true };
const LAST_ROW = "❯ 3. No, and tell Claude what to do";
/** As wide and high as the runner starts a session, with its cursor above the last row. */
const FRAME = { run: 1, columns: 120, rows: 40, cursor: { column: 2, row: 36 } };

const toScreen = (first: string) => `${first}\n${"row of the session\n".repeat(38)}${LAST_ROW}`;

/** What a session may print to act on a terminal: clipboard, links, titles, requests for answers, modes, a reset. */
const SEQUENCES = [
  "\u001b]52;c;cm0gLXJmIC8=\u0007\u001b]52;c;?\u0007",
  "\u001b]8;;https://evil.example/\u001b\\click\u001b]8;;\u001b\\",
  "\u001b]0;evil title\u0007\u001b]2;evil title\u0007",
  "\u001b[c\u001b[>c\u001b[6n\u001b[5n\u001b[21t\u001b]11;?\u0007\u001bP$qm\u001b\\",
  "\u001b[?1000h\u001b[?1003h\u001b[?2004h\u001b[?1h",
];
const MARKUP = "<img src=x onerror=window.hacked=1><script>window.hacked=1</script>";

/** The text of the picture that a terminal shows. */
const readScreen = (page: TestPage) =>
  page.frameLocator("#terminal-screen").locator(".xterm-rows").textContent({ timeout: 60_000 });

/** The document of the picture. */
function getScreenFrame(page: TestPage): Frame {
  const frame = page.frames().find((other) => other.url().endsWith("/terminal/screen"));
  if (!frame) throw new Error("There is no picture.");
  return frame;
}

/** The colour of a word in the picture; undefined while it is not shown by itself. */
const readColor = (page: TestPage, word: string) =>
  getScreenFrame(page).evaluate(`(() => {
    const el = [...document.querySelectorAll(".xterm-rows span")].find((span) => span.textContent === "${word}");
    return el && getComputedStyle(el).color;
  })()`);

describeInChromium("The terminal of a session", () => {
  const getApp = shareApp(() => runTicketsPageApp());
  beforeAll(async () => {
    getApp().requestTicket("Write the mail that welcomes new colleagues");
    const approve = () => getApp().call("/api/approve/ONB-1") as Promise<{ session_id?: string }>;
    await vi.waitUntil(async () => (await approve()).session_id !== undefined, WAIT);
    await getApp().startSessions();
  });

  /** Opens the terminal as a person who is signed in, with a picture that begins so. */
  async function openTerminal(options: Parameters<typeof openSignedInPage>[1] = {}, first = "row of the session") {
    const page = await openSignedInPage(getApp().url, options);
    await page.goto(`${getApp().url}/terminal/ONB-1`);
    await getApp().sendFrame("ONB-1", { ...FRAME, screen: toScreen(first) });
    await page.frameLocator("#terminal-screen").locator(".xterm-rows", { hasText: LAST_ROW }).waitFor(WAIT);
    return page;
  }
  /** What was typed for the session so far. */
  const readInputs = async () =>
    ((await getApp().exchange([createSession("ONB-1")])).sessions[0]?.inputs ?? []).map(({ text }) => text);

  test("on a phone, keys that touch keyboards lack are sent by buttons, in order, with names in French; axe finds nothing", async () => {
    const page = await openTerminal({ ...PHONE, dark: true, locale: "fr-FR" });
    await page.locator("#terminal-take").tap();
    expect(await findViolations(page)).toEqual([]);
    expect(await page.evaluate(FIND_SMALL_TARGETS)).toEqual([]);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(PHONE.width);
    const keys = page.getByRole("contentinfo").getByRole("group", { name: "Touches" });
    for (const name of ["Échap", "Maj Tab", "Flèche vers la gauche", "Flèche vers le haut", "Ctrl C", "Entrée"])
      await keys.getByRole("button", { name, exact: true }).tap();
    const names = ["Escape", "BTab", "Left", "Up", "C-c", "Enter"];
    await expect.poll(async () => (await readInputs()).flatMap((text) => text.split(" ")), WAIT).toEqual(names);
    expect(await page.evaluate("document.activeElement?.id")).toBe("terminal-typing");
    await page.locator("#terminal-take").tap();
    expect(await page.locator("#terminal-keys").isVisible()).toBe(false);
  });

  test("shows the lines above the picture, and finds a text in them", async () => {
    const page = await openTerminal({ width: 1440, height: 800 });
    const above = Array.from({ length: 1_000 }, (_, i) => `line ${i}${i % 400 === 100 ? " needle" : ""}`).join("\n");
    await getApp().sendFrame("ONB-1", { ...FRAME, screen: toScreen("row"), above, is_above_whole: true });
    await page.click("#terminal-earlier");
    await expect.poll(() => readScreen(page), WAIT).toMatch(/line 999row/);
    // Pictures go on below, and move nothing.
    await getApp().sendFrame("ONB-1", { ...FRAME, screen: toScreen("new row") });
    await expect.poll(() => readScreen(page), WAIT).toMatch(/line 999new row/);
    expect(await readScreen(page)).not.toContain(LAST_ROW);
    const find = async (text: string, found: string) => {
      await page.fill("#terminal-find", text);
      await page.press("#terminal-find", "Enter");
      await expect.poll(() => page.textContent("#terminal-found"), WAIT).toBe(found);
    };
    await find("needle", "3 / 3");
    await expect.poll(() => readScreen(page), WAIT).toContain("line 900 needle");
    await find("needle", "2 / 3");
    await expect.poll(() => readScreen(page), WAIT).toContain("line 500 needle");
    await find("nowhere", "Not found");
    await page.fill("#terminal-find", "");
    await expect.poll(() => readScreen(page), WAIT).toContain(LAST_ROW);
  });

  test("does nothing with hostile output but show text: no clipboard, links, titles, answers or scripts", async () => {
    const page = await openTerminal({ isHostile: true }, `${SEQUENCES.join("")}click ${MARKUP}`);
    const { url } = getApp();
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"], { origin: url });
    await page.evaluate("navigator.clipboard.writeText('mine')");
    const inputs: string[] = [];
    page.on("request", (request) => request.url().endsWith("/input") && inputs.push(request.url()));
    const events: string[] = [];
    page.on("popup", () => events.push("popup"));
    page.on("dialog", (dialog) => void dialog.dismiss().then(() => events.push("dialog")));
    page.on("download", () => events.push("download"));
    expect(await readScreen(page)).toContain(MARKUP.slice(0, 30));
    expect(await page.title()).toBe("Terminal of ONB-1");

    const frame = getScreenFrame(page);
    expect(await frame.evaluate("window.origin")).toBe("null");
    expect(await frame.evaluate("document.querySelectorAll('.xterm-rows :is(a, img, script)').length")).toBe(0);
    const row = page.frameLocator("#terminal-screen").locator(".xterm-rows > div", { hasText: "click" }).first();
    await row.click({ force: true, modifiers: ["ControlOrMeta"] });
    // Keys that are pressed in the picture go nowhere.
    await page.keyboard.type("rm -rf");
    await page.keyboard.press("Enter");
    expect(await page.evaluate("navigator.clipboard.readText()").catch(() => "mine")).toBe("mine");
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
    expect([inputs, events]).toEqual([[], []]);
    expect(page.url()).toBe(`${url}/terminal/ONB-1`);
    // Nor does it show anything to somebody who has not signed in, and no other site frames it.
    await page.context().clearCookies();
    await page.reload();
    await expect.poll(() => page.textContent("#terminal-phase"), WAIT).toContain("Sign in on the page");
    expect(await readScreen(page)).not.toContain(LAST_ROW);
    for (const path of ["/terminal/ONB-1", "/terminal/screen"]) {
      const { headers } = await fetch(url + path);
      expect(headers.get("content-security-policy")).toContain("frame-ancestors 'self'");
      expect(headers.get("x-frame-options")).toBe("SAMEORIGIN");
    }
  });

  test("shows the session in colours, types only after taking over, and keeps the last screen", async () => {
    const page = await openTerminal({}, "\u001b[31mred\u001b[0m \u001b[38;2;1;200;3mtrue\u001b[0m");
    // Colours of the palette are classes, others attributes: the policy has to allow both.
    await expect.poll(() => readColor(page, "red"), WAIT).toBe("rgb(204, 0, 0)");
    expect(await readColor(page, "true")).toBe("rgb(1, 200, 3)");
    await expect.poll(() => page.textContent("#terminal-phase"), WAIT).toBe("Live");
    expect(await page.isVisible("#terminal-typing")).toBe(false);
    await page.click("#terminal-take");
    expect(await page.evaluate("document.activeElement?.id")).toBe("terminal-typing");
    await page.keyboard.type("echo 'é' Up; ok");
    await page.keyboard.press("F6");
    expect(await page.evaluate("document.activeElement?.id")).toBe("terminal-take");
    // The button gives the terminal back as F6 does: what is typed then arrives nowhere.
    await page.click("#terminal-take");
    await page.click("button:text-is('Give back')");
    expect(await page.textContent("#terminal-take")).toBe("Take over");
    await page.keyboard.type("lost");
    await page.click("#terminal-take");
    await page.keyboard.type(" whole");
    await page.keyboard.press("Enter");
    const readKeys = async () => (await readInputs()).join("").replaceAll(" ", "");
    await expect.poll(readKeys, WAIT).toMatch(/echoSpace'é'SpaceUp;SpaceokSpacewholeEnter$/);
    await getApp().exchange([createSession("ONB-1", { state: "ended", exit: { reason: "exited", status: 0 } })]);
    await expect.poll(() => page.textContent("#terminal-phase"), WAIT).toMatch(/^Ended\. Last screen, /);
    expect(await readScreen(page)).toContain(LAST_ROW);
    expect(await page.isDisabled("#terminal-take")).toBe(true);
  });
});
