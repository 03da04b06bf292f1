import { existsSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, describe, expect, onTestFinished } from "vitest";

/** Chromium without its windows, which needs a third less of the processor, or the whole browser where only that is installed. */
const EXECUTABLES = ["/usr/bin/chromium-headless-shell", "/usr/bin/chromium"];

const executable = EXECUTABLES.find((path) => existsSync(path));

/**
 * What Playwright switches off itself, because only one such list counts, and then what costs a third of the processor's
 * time: two pages that each new window prepares for its address bar, a process in reserve, and one per site.
 */
const DISABLED_FEATURES = [
  ...["AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "DialMediaRouteProvider"],
  ...["GlobalMediaControls", "HttpsUpgrades", "LensOverlay", "MediaRouter", "PaintHolding", "Translate"],
  ...["ThirdPartyStoragePartitioning", "OptimizationHints", "NetworkTimeServiceQuerying", "AimEnabled"],
  ...["WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "SpareRendererForSitePerProcess", "IsolateOrigins"],
  "site-per-process",
];

/** Headless, and without requests of the browser itself (updates, say) to other servers. */
const ARGS = [
  `--disable-features=${DISABLED_FEATURES.join(",")}`,
  ...["--disable-site-isolation-trials", "--in-process-gpu", "--headless", "--no-sandbox", "--disable-gpu"],
  ...["--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update"],
  "--disable-sync",
];

/** False on a developer's machine without Chromium; in CI it must be there, so tests fail instead of skipping. */
function hasChromium(): boolean {
  return Boolean(process.env["CI"]) || executable !== undefined;
}

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: executable ?? "chromium-headless-shell", args: ARGS });
}

/** Tests in a browser that they share. */
export function describeInChromium(name: string, define: () => void): void {
  describe.skipIf(!hasChromium())(name, { timeout: 120_000 }, () => {
    afterAll(closeSharedBrowser);
    define();
  });
}

let sharedBrowser: Promise<Browser> | undefined;

/** Closes the browser that the pages of a test file share. */
export async function closeSharedBrowser(): Promise<void> {
  await (await sharedBrowser)?.close();
  sharedBrowser = undefined;
}

interface PageOptions {
  /** The page stays open for several tests, until the shared browser is closed. */
  isShared?: boolean;
  /** The page is expected to have problems. */
  isHostile?: boolean;
  locale?: string;
  width?: number;
  height?: number;
  dark?: boolean;
  /** The screen can be tapped. */
  touch?: boolean;
  /** The page moves what is new, as for people who do not ask for less; it costs time to draw. */
  motion?: boolean;
}

export interface TestPage extends Page {
  /** Errors, violations of the content security policy, and requests to other origins. */
  problems: string[];
}

/**
 * Opens a page with its own cookies and storage, as in another browser. By default it is closed when the test ends, which
 * fails when the page has had problems.
 */
export async function openPage(url: string, options: PageOptions = {}): Promise<TestPage> {
  const { locale = "en-GB", width = 1440, height = 900, dark, touch = false, isShared, isHostile, motion } = options;
  sharedBrowser ??= launchBrowser();
  const browser = await sharedBrowser;
  const context = await browser.newContext({
    locale,
    viewport: { width, height },
    hasTouch: touch,
    colorScheme: dark ? "dark" : "light",
    reducedMotion: motion ? "no-preference" : "reduce",
  });
  const problems: string[] = [];
  if (!isShared)
    onTestFinished(async () => {
      await context.close();
      if (!isHostile) expect(problems).toEqual([]);
    });
  const page = await context.newPage();
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => {
    // Some tests cause refused or failed requests on purpose.
    const text = message.text();
    if (message.type() === "error" && !/Failed to load|ERR_CONNECTION_REFUSED/.test(text)) problems.push(text);
  });
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== new URL(url).origin) problems.push(`request to ${request.url()}`);
  });
  await page.goto(url);
  return Object.assign(page, { problems });
}
