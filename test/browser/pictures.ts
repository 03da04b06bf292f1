import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import type { Page } from "playwright-core";
import { startDemo } from "../../demo/start.ts";
import { createTestSettings } from "../support/settings.ts";
import { launchBrowser } from "./browser.ts";
import { enterToken } from "./page-test-app.ts";
import { playTicketScene } from "./ticket-scene.ts";
import { runTicketsPageApp } from "./tickets-page-app.ts";

/**
 * Makes the pictures of the page in the documents (`npm run pictures`): of the running demo without its console, and of
 * the view Tickets with a state of each kind.
 */
const OUTPUT_FOLDER = "docs/pictures";
const MAX_BYTES = 150_000;
const WAIT = { timeout: 120_000 };

/** Width of the pictures in pixels: the page's parts stand beside each other, and texts are readable in a document. */
const WIDTH = 1400;

const browser = await launchBrowser();
mkdirSync(OUTPUT_FOLDER, { recursive: true });

/** Opens a page whose new rows are not highlighted. */
function openStill(height: number): Promise<Page> {
  return browser.newPage({ locale: "en-GB", viewport: { width: WIDTH, height }, reducedMotion: "reduce" });
}

async function savePicture(name: string, screenshot: Buffer) {
  const path = `${OUTPUT_FOLDER}/${name}.webp`;
  const page = await openStill(100);
  const bytes = await convertToWebp(page, screenshot);
  await page.close();
  if (bytes.length > MAX_BYTES) throw new Error(`${path} has ${bytes.length} bytes, more than ${MAX_BYTES}.`);
  writeFileSync(path, bytes);
  process.stdout.write(`${path}  ${Math.round(bytes.length / 1000)} KB\n`);
}

/** Converts a PNG to WebP, in less than half of its bytes. A page of the browser does it. */
async function convertToWebp(page: Page, png: Buffer): Promise<Buffer> {
  const data = await page.evaluate(`(async () => {
    const answer = await fetch("data:image/png;base64,${png.toString("base64")}");
    const image = await createImageBitmap(await answer.blob());
    const canvas = new OffscreenCanvas(image.width, image.height);
    canvas.getContext("2d").drawImage(image, 0, 0);
    const blob = await canvas.convertToBlob({ type: "image/webp", quality: 0.85 });
    return new Uint8Array(await blob.arrayBuffer()).toBase64();
  })()`);
  return Buffer.from(String(data), "base64");
}

/** Goes to a view of the demo, and removes the demo's own line. */
async function openView(page: Page, url: string, selector: string) {
  await page.goto(url);
  await page.waitForSelector("#console summary", WAIT);
  await page.evaluate("document.querySelector('#console').remove()");
  await page.waitForSelector(selector, WAIT);
}

/** Puts two pictures below each other. */
async function stack(first: Buffer, second: Buffer): Promise<Buffer> {
  const page = await openStill(100);
  const images = [first, second].map((png) => `<img src="data:image/png;base64,${png.toString("base64")}">`);
  const style = "body { margin: 0; background: #c9c9c4; } img { display: block; } img + img { margin-top: 10px; }";
  await page.setContent(`<style>${style}</style>${images.join("")}`);
  return page.screenshot({ fullPage: true }).finally(() => page.close());
}

async function takeDemoPictures() {
  const folder = mkdtempSync(join(tmpdir(), "groundcrew-pictures-"));
  const demo = await startDemo(createTestSettings({ PORT: "0" }), {
    write: () => {},
    colour: false,
    pace: 1_500,
    folder: relative(process.cwd(), join(folder, "demo")),
  });
  try {
    // A question and something else wait for a person, and the plan is approved.
    const page = await openStill(640);
    await openView(page, `${demo.url}/inbox`, '.request[data-kind="question"]');
    await page.waitForSelector('.requests:not(:has([data-kind="plan"])) .request + .request', WAIT);
    const inbox = await page.screenshot();
    await openView(page, `${demo.url}/board`, '[data-column="in_progress"] .card');
    await savePicture("inbox-and-board", await stack(inbox, await page.screenshot()));
    await openView(page, `${demo.url}/board?project=CFW`, '[data-column="in_progress"] .card');
    await openView(page, `${demo.url}/plans/CFW`, '#plan-view:has(svg):has-text("CFW-3")');
    await savePicture("plan", await page.screenshot());
    await demo.finished;
    await openView(page, `${demo.url}/team`, "#team-list .agent, #team-list tbody tr");
    await savePicture("team", await page.screenshot());
  } finally {
    await demo.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function takeTicketsPicture() {
  const app = await runTicketsPageApp({ max_sessions: 2 });
  try {
    await playTicketScene(app);
    const page = await openStill(1_500);
    await page.goto(`${app.url}/tickets`);
    await enterToken(page);
    await page.waitForSelector("#tickets-view .request", WAIT);
    await savePicture("tickets", await page.screenshot());
  } finally {
    await app.close();
  }
}

try {
  await takeDemoPictures();
  await takeTicketsPicture();
} finally {
  await browser.close();
}
