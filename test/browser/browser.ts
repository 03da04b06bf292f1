import { existsSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";
import { onTestFinished } from "vitest";

const EXECUTABLE = "/usr/bin/chromium";

/** Headless, and quiet: no browser of ours asks anybody else for anything. */
const ARGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** False on a developer's machine without Chromium; in CI it must be there, so tests fail instead of skipping. */
export function chromiumIsHere(): boolean {
  return Boolean(process.env["CI"]) || existsSync(EXECUTABLE);
}

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: EXECUTABLE, args: ARGS });
}

let shared: Promise<Browser> | undefined;

/** Ends the browser that pages of this file share. */
export async function closeShared(): Promise<void> {
  await (await shared)?.close();
  shared = undefined;
}

interface PageOptions {
  /** A browser process of its own, not the shared one. */
  alone?: boolean;
  locale?: string;
  width?: number;
  height?: number;
  dark?: boolean;
  timezone?: string;
}

export interface Opened extends Page {
  /** What went wrong in it: errors, refusals of its policy, requests to anybody else. */
  wrongs: string[];
}

/** A page with cookies and storage of its own, closed with the test. */
export async function openPage(url: string, options: PageOptions = {}): Promise<Opened> {
  const { locale = "en-GB", width = 1440, height = 900, dark = false, alone = false, timezone } = options;
  if (!alone) shared ??= launch();
  const browser = alone ? await launch() : await (shared ?? launch());
  const context = await browser.newContext({
    locale,
    viewport: { width, height },
    ...(timezone && { timezoneId: timezone }),
    colorScheme: dark ? "dark" : "light",
  });
  onTestFinished(() => (alone ? browser.close() : context.close()));
  const page = await context.newPage();
  const wrongs: string[] = [];
  page.on("pageerror", (error) => wrongs.push(error.message));
  page.on("console", (message) => {
    // A request that is refused or fails is what some tests want.
    if (message.type() === "error" && !/Failed to load resource/.test(message.text())) wrongs.push(message.text());
  });
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== new URL(url).origin) wrongs.push(`asked ${request.url()}`);
  });
  await page.goto(url);
  return Object.assign(page, { wrongs });
}
