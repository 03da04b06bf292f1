import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { FIND_SMALL_TARGETS, findViolations } from "./accessibility-checks.ts";
import { closeSharedBrowser, hasChromium, type TestPage } from "./browser.ts";
import { openSignedInPage } from "./page-test-app.ts";
import { getScreenFrame } from "./terminal-app.ts";
import { createSession, runTicketsPageApp, type TicketsPageApp } from "./tickets-page-app.ts";

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
