import type { CDPSession, Page } from "playwright-core";
import { launchBrowser } from "../test/browser/browser.ts";
import { startChild } from "./child.ts";
import { formatCount, formatMib } from "./figures.ts";
import { startSimulators } from "./simulators.ts";
import type { BenchLine } from "./table.ts";
import { createTerminalScreen } from "./terminal-pictures.ts";

/** Pictures before the first measurement, in which the engine compiles what runs often. */
const WARM_UP = 500;
/** Pictures of one call into the page. */
const BATCH = 500;
/** Growth that counts as flat: 10 %. */
const MAX_GROWTH = 0.1;

/**
 * Shows pictures in the terminal's real document as fast as it draws them, each different from the one before, and
 * measures the JavaScript heap of the document and of its frame, after a collection of garbage.
 */
export async function measureTerminalMemory(pictures: number): Promise<BenchLine> {
  const simulators = await startSimulators();
  const product = await startChild("product.ts", { args: ["idle"], env: { ...simulators.env, STORE_URL: "memory:" } });
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage();
    await page.addInitScript(FAKE_STREAM);
    await page.goto(`http://127.0.0.1:${await product.ask("port")}/terminal/ONB-1`);
    await page.waitForFunction("window.isScreenReady");
    await showPictures(page, 0, WARM_UP);
    const before = await readHeap(page);
    await showPictures(page, WARM_UP, pictures);
    const after = await readHeap(page);
    const growth = after / before - 1;
    return {
      what: `page memory over ${formatCount(pictures)} pictures of a terminal (an hour at 10/s)`,
      ours: `${formatMib(before)} before, ${formatMib(after)} after, ${(growth * 100).toFixed(1)} %`,
      aim: "flat: ≤ 10 %",
      met: growth <= MAX_GROWTH,
    };
  } finally {
    await browser.close();
    await product.kill();
    await simulators.stop();
  }
}

/** Replaces the stream by one that the bench feeds, and signals when the frame has drawn. Runs in the page. */
const FAKE_STREAM = `
  window.EventSource = class extends EventTarget {
    constructor() { super(); window.stream = this; }
    close() {}
  };
  window.sendEvent = (event, data) => window.stream.dispatchEvent(new MessageEvent(event, { data: JSON.stringify(data) }));
  addEventListener("message", ({ data }) => {
    if (data !== "ready") return;
    window.isScreenReady = true;
    window.onDrawn?.();
  });
  const createScreen = ${createTerminalScreen.toString()};
  window.showPictures = async (from, to) => {
    window.sendEvent("state", { state: "running", run: 1, phase: "live", connected: true });
    for (let n = from; n < to; n += 1) {
      const drawn = new Promise((resolve) => { window.onDrawn = resolve; });
      const at = new Date().toISOString();
      window.sendEvent("frame", { run: 1, columns: 120, rows: 40, screen: createScreen(n), cursor: { column: 0, row: n % 40 }, at });
      await drawn;
    }
  };
`;

async function showPictures(page: Page, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at += BATCH) await page.evaluate(`showPictures(${at}, ${Math.min(to, at + BATCH)})`);
}

/** The used JavaScript heap in bytes. The frame has a process of its own where the browser isolates it. */
async function readHeap(page: Page): Promise<number> {
  let sum = 0;
  for (const target of [page, ...page.frames().slice(1)]) {
    const session: CDPSession | undefined = await page
      .context()
      .newCDPSession(target)
      .catch(() => undefined);
    if (!session) continue;
    await session.send("HeapProfiler.collectGarbage");
    await session.send("HeapProfiler.collectGarbage");
    sum += (await session.send("Runtime.getHeapUsage")).usedSize;
    await session.detach();
  }
  return sum;
}
