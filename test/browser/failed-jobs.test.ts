import { afterAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { FIND_LOW_CONTRAST, FIND_SMALL_TARGETS } from "./accessibility-checks.ts";
import { closeSharedBrowser, hasChromium } from "./browser.ts";
import { openSignedInPage, startPageTestApp } from "./page-test-app.ts";

afterAll(closeSharedBrowser);

const parseLogLine = (line: string) => z.looseObject({ message: z.string().optional() }).parse(JSON.parse(line));

describe.skipIf(!hasChromium())("Failed jobs in Chromium", { timeout: 120_000 }, () => {
  test("are listed from the header's count with what they are for and why, and requeued or discarded with the keyboard alone", async () => {
    // Nothing listens there, so a job that is requeued waits for its next try.
    const url = "http://127.0.0.1:9/events";
    const app = await startPageTestApp({}, undefined, {
      forward: [{ url, secret: `whsec_${"c2VjcmV0".repeat(4)}`, events: ["completed"] }],
    });
    const ids = ["body:1/a", "body:2/b"];
    await app.stop();
    for (const id of ids) {
      const facts = { at: "2026-11-23T08:00:00Z", item: { key: "ONB-7", title: "secret title" } };
      const body = { type: "event", url, event: { kind: "completed" }, facts, correlation: "c" };
      await app.store.commit({ jobs: [{ id, queue: "forward", lane: id, body }] });
      const [job] = await app.store.take("forward", 1_000, 1);
      if (job) await app.store.acknowledge(job, { dead: "refused\u202e by the other system" });
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
    expect(await page.textContent("#failed-job-count")).toBe("2");
    await page.waitForSelector("#failed-job-list li:has-text('body:1/a') time");
    const text = await page.textContent("#failed-job-list");
    expect(text).toContain("Event for another system (ONB-7)");
    expect(text).toContain("refused by the other system");
    expect(text).not.toContain("secret");
    expect(await page.isVisible("#failed-job-list code")).toBe(false);
    await page.getByRole("button", { name: "Requeue Event for another system (ONB-7) body:1/a" }).press("Enter");
    await expect.poll(readIds).toEqual(["body:2/b"]);
    await page.waitForSelector("#failed-job-told:has-text('Requeued: Event for another system (ONB-7)')");

    const discard = page.getByRole("button", { name: "Discard Event for another system (ONB-7) body:2/b" });
    await discard.press("Enter");
    await expect.poll(() => asked.length).toBe(1);
    expect(asked[0]).toMatch(/^Discard this failed job\? .*cannot be restored.*body:2\/b/);
    expect(await readIds()).toEqual(["body:2/b"]);
    await page.selectOption("#language", "fr");
    await page
      .getByRole("button", { name: "Abandonner Événement pour un autre système (ONB-7) body:2/b" })
      .press("Enter");
    await expect.poll(readIds).toEqual([]);
    await page.waitForSelector("#failed-job-hint:has-text('Aucune tâche interne en échec')");
    expect(await page.isVisible("#failed-count")).toBe(false);
    const requester = { by: "page", client: "127.0.0.1", queue: "forward" };
    await expect
      .poll(() => app.logLines.map(parseLogLine).filter(({ message }) => message?.startsWith("failed job ")))
      .toEqual([
        expect.objectContaining({ message: "failed job requeued", id: "body:1/a", ...requester }),
        expect.objectContaining({ message: "failed job discarded", id: "body:2/b", ...requester }),
      ]);
    expect(page.problems).toEqual([]);
  });

  test("another page's requeue is reported, and nothing is lost", async () => {
    const app = await startPageTestApp();
    await app.store.commit({ jobs: [{ id: "gone", queue: "inbox", lane: "a", body: "{}" }] });
    const [job] = await app.store.take("inbox", 1_000, 1);
    if (job) await app.store.acknowledge(job, { dead: "not understood" });
    const page = await openSignedInPage(app.url, { width: 360, dark: true });
    await page.press("#failed-count", "Enter");
    const button = page.getByRole("button", { name: "Requeue Change reported by Plane gone" });
    await button.waitFor();
    expect(await page.evaluate(FIND_SMALL_TARGETS)).toEqual([]);
    expect(await page.evaluate(FIND_LOW_CONTRAST)).toEqual([]);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(360);
    await page.route("**/dead-letters", (route) => route.abort());
    await app.store.discard("inbox", "gone");
    await button.press("Enter");
    await page.waitForSelector("#failed-job-problem:has-text('It may have been requeued or discarded already')");
  });
});
