import { afterAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { closeSharedBrowser, hasChromium } from "./browser.ts";
import { openSignedInPage, startPageTestApp } from "./page-test-app.ts";

afterAll(closeSharedBrowser);

const parseLogLine = (line: string) => z.looseObject({ message: z.string().optional() }).parse(JSON.parse(line));

describe.skipIf(!hasChromium())("Failed jobs in Chromium", { timeout: 60_000 }, () => {
  test("are listed from the header's count, and requeued or discarded with the keyboard alone", async () => {
    const app = await startPageTestApp();
    const ids = ["body:1/a", "body:2/b"];
    await app.stop();
    for (const id of ids) {
      await app.store.commit({ jobs: [{ id, queue: "forward", lane: id, body: { not: "a job of this version" } }] });
      const [job] = await app.store.take("forward", 1_000, 1);
      if (job) await app.store.settle(job, { dead: "refused\u202e by the other system" });
    }
    await app.restart();
    const page = await openSignedInPage(app.url);
    const asked: string[] = [];
    page.on("dialog", (dialog) => {
      asked.push(dialog.message());
      void (asked.length === 1 ? dialog.dismiss() : dialog.accept());
    });
    const readIds = async () => (await app.store.listDeadJobs("forward")).map(({ id }) => id);
    expect(await readIds()).toEqual(ids);
    await page.locator("#failed-count", { hasText: "Failed jobs: 2" }).press("Enter");
    expect(await page.evaluate("document.activeElement.tagName")).toBe("SUMMARY");
    await page.waitForSelector("#failed-job-list li:has-text('body:1/a') time");
    expect(await page.textContent("#failed-job-list")).toContain("refused by the other system");
    await page.getByRole("button", { name: "Retry forward body:1/a" }).press("Enter");
    await expect.poll(readIds).toEqual(["body:2/b"]);

    const discard = page.getByRole("button", { name: "Discard forward body:2/b" });
    await discard.press("Enter");
    await expect.poll(() => asked.length).toBe(1);
    expect(asked[0]).toContain("body:2/b");
    expect(await readIds()).toEqual(["body:2/b"]);
    await page.selectOption("#language", "fr");
    await page.getByRole("button", { name: "Abandonner forward body:2/b" }).press("Enter");
    await expect.poll(readIds).toEqual([]);
    const requester = { by: "page", client: "127.0.0.1", queue: "forward" };
    await expect
      .poll(() => app.logLines.map(parseLogLine).filter(({ message }) => message?.startsWith("failed job ")))
      .toEqual([
        expect.objectContaining({ message: "failed job requeued", id: "body:1/a", ...requester }),
        expect.objectContaining({ message: "failed job discarded", id: "body:2/b", ...requester }),
      ]);
    expect(page.problems).toEqual([]);
  });
});
