import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { startDemo } from "../../demo/start.ts";
import { createTestSettings } from "../support/settings.ts";
import { closeSharedBrowser, hasChromium, openPage } from "./browser.ts";

afterAll(closeSharedBrowser);

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
    const page = await openPage(demo.url);
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
