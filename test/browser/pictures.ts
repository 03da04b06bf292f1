import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import type { Page } from "playwright-core";
import { startDemo } from "../../demo/start.ts";
import { createTestSettings } from "../support/settings.ts";
import { launchBrowser } from "./browser.ts";
import { PAGE_ADMIN_TOKEN } from "./page-test-app.ts";
import { playTicketScene } from "./ticket-scene.ts";
import { runTicketsPageApp } from "./tickets-page-app.ts";

/**
 * Makes the pictures of the documents: `node test/browser/pictures.ts`, or only that of the view Tickets with the
 * argument `tickets`. The others are of the running demo.
 */
const OUTPUT_FOLDER = "docs/pictures";
const MAX_BYTES = 400_000;

const browser = await launchBrowser();
mkdirSync(OUTPUT_FOLDER, { recursive: true });

async function takePicture(page: Page, name: string) {
  const path = `${OUTPUT_FOLDER}/${name}.png`;
  // New rows are highlighted for a moment.
  await page.waitForTimeout(1_800);
  await page.screenshot({ path });
  const { size } = statSync(path);
  if (size > MAX_BYTES) throw new Error(`${path} has ${size} bytes, more than ${MAX_BYTES}.`);
  process.stdout.write(`${path}  ${Math.round(size / 1000)} KB\n`);
}

async function takeDemoPicture(page: Page, name: string) {
  await page.waitForSelector("#console .tally b.good", { timeout: 60_000 });
  await takePicture(page, name);
}

async function takeDemoPictures() {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-pictures-"));
  const demo = await startDemo(createTestSettings({ PORT: "0", LOCALE: "auto" }), {
    write: () => {},
    colour: false,
    pace: 1_200,
    folder: relative(process.cwd(), join(folder, "demo")),
  });
  try {
    const page = await browser.newPage({ locale: "en-GB", viewport: { width: 1360, height: 1020 } });
    await page.goto(`${demo.url}/board`);
    // The picture shows a question that waits for its answer and a completed task.
    await page.waitForSelector("#messages .row button", { timeout: 60_000 });
    await page.waitForSelector('[data-column="done"] .card', { timeout: 60_000 });
    await takeDemoPicture(page, "board");
    await demo.finished;
    await page.emulateMedia({ colorScheme: "dark" });
    await takeDemoPicture(page, "dark");
    await page.emulateMedia({ colorScheme: "light" });
    await page.click("#console summary");
    await page.click('.card:has-text("Build the container image") > button');
    await page.waitForSelector("#why-of .chip");
    await takeDemoPicture(page, "why");
    await page.click('#views [data-view="team"]');
    await page.waitForSelector("#team-list .agent");
    await takeDemoPicture(page, "team");
    await page.selectOption("#projects", "CFW");
    await page.click('#views [data-view="plan"]');
    await page.waitForSelector("#plan-view svg");
    await takeDemoPicture(page, "plan");
    const phone = await browser.newPage({
      locale: "fr-FR",
      viewport: { width: 390, height: 780 },
      deviceScaleFactor: 2,
    });
    await phone.goto(demo.url);
    await phone.waitForSelector(".card");
    await takeDemoPicture(phone, "phone");
  } finally {
    await demo.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function takeTicketsPicture() {
  const app = await runTicketsPageApp({ max_sessions: 2 });
  try {
    await playTicketScene(app);
    const page = await browser.newPage({ locale: "en-GB", viewport: { width: 1360, height: 1600 } });
    await page.goto(app.url);
    await page.fill("#token", PAGE_ADMIN_TOKEN);
    await page.press("#token", "Enter");
    await page.click('#views [data-view="tickets"]');
    await page.waitForSelector("#tickets-view .question");
    await takePicture(page, "tickets");
  } finally {
    await app.close();
  }
}

try {
  if (process.argv[2] !== "tickets") await takeDemoPictures();
  await takeTicketsPicture();
} finally {
  await browser.close();
}
