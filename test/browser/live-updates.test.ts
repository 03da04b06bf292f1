import { afterAll, describe, expect, test } from "vitest";
import { createDecisionPut, type DecisionRecord } from "../../shared/records/decision-log.ts";
import { closeSharedBrowser, hasChromium, openPage, type TestPage } from "./browser.ts";
import { openSignedInPage, startPageTestApp } from "./page-test-app.ts";

afterAll(closeSharedBrowser);

const WAIT = { timeout: 45_000 };

type PageTestApp = Awaited<ReturnType<typeof startPageTestApp>>;

const expectInPage = (page: TestPage, expression: string) => expect.poll(() => page.evaluate(expression), WAIT);

/** Creates an entry of the decision log that is this many minutes old. */
const createDecisionLogEntry = (app: PageTestApp, minutes: number) =>
  createDecisionPut({
    at: Date.now() - minutes * 60_000,
    record: `item:old-${minutes}`,
    rev: 1,
    via: "read",
    correlation: "c",
    event: { kind: "started" },
    actions: [],
    skipped: [],
    project: { identifier: "ONB", name: "Onboarding" },
    item: { id: `old-${minutes}`, key: `OLD-${minutes}`, title: "Old", url: app.plane.url },
  } satisfies DecisionRecord);

describe.skipIf(!hasChromium())("The page in Chromium", { timeout: 120_000 }, () => {
  test("shows a lost connection even if it breaks without an error, and reconnects", async () => {
    const app = await startPageTestApp();
    const page = await openSignedInPage(app.url);
    await page.waitForSelector('#live[data-is="on"]');
    // Requests of the page get no answer.
    await page.route("**/api/*", () => {});
    await app.stop();
    await page.waitForSelector("#lost:not([hidden])", { timeout: 12_000 });
    await page.unroute("**/api/*");
    await app.restart();
    app.plane.addItem(app.project, { name: "Afterwards" });
    await page.waitForSelector('#live[data-is="on"]', { timeout: 30_000 });
    await page.waitForSelector('.card:has-text("Afterwards")', { timeout: 30_000 });
    expect(await page.textContent("#news")).toMatch(/Reconnected|ONB-1/);
  });

  test("works in more tabs than a browser has connections: hidden tabs close theirs", async () => {
    const app = await startPageTestApp();
    const first = await openSignedInPage(app.url);
    const away = `Object.defineProperty(document, "hidden", { value: true, configurable: true }); document.dispatchEvent(new Event("visibilitychange"))`;
    await first.evaluate(away);
    for (let i = 0; i < 6; i += 1) {
      const page = await first.context().newPage();
      await page.goto(app.url);
      await page.waitForSelector(".column");
      await page.waitForSelector('#live[data-is="on"]');
      await page.evaluate(away);
    }
    app.plane.addItem(app.project, { name: "Came meanwhile" });
    await first.evaluate(`delete document.hidden; document.dispatchEvent(new Event("visibilitychange"))`);
    await first.waitForSelector('.card:has-text("Came meanwhile")', WAIT);
    expect(first.problems).toEqual([]);
  });

  test("uses the user's time zone: a task due today is not overdue", async () => {
    const app = await startPageTestApp();
    app.plane.addItem(app.project, { name: "Today", target_date: "2026-03-10" });
    app.plane.addItem(app.project, { name: "Yesterday", target_date: "2026-03-09" });
    const page = await openSignedInPage(app.url, { timezone: "America/Los_Angeles" });
    await page.clock.setFixedTime("2026-03-11T03:00:00Z");
    await page.reload();
    await page.waitForSelector('.card:has-text("Yesterday") .due[data-late="yes"]', WAIT);
    await page.waitForSelector('.card:has-text("Today") .due[data-late="no"]', WAIT);
    expect(page.problems).toEqual([]);
  });

  test("returns to the sign-in form with the reason if the browser did not store the session cookie", async () => {
    const app = await startPageTestApp();
    const page = await openPage(app.url);
    await page.route("**/api/session", (route) => route.fulfill({ json: { ok: true } }));
    await page.fill("#token", "right");
    await page.press("#token", "Enter");
    await page.waitForSelector("#sign-in-problem:has-text('did not store the session cookie')");
    expect(await page.isVisible("main")).toBe(false);
  });

  test("keeps the session over http on this machine even if PUBLIC_URL is https", async () => {
    const app = await startPageTestApp({ PUBLIC_URL: "https://crew.example.com" });
    const page = await openSignedInPage(app.url);
    await page.reload();
    await page.waitForSelector(".column");
    expect(page.problems).toEqual([]);
  });

  test("isolates the direction of each text, also of one with bidirectional marks", async () => {
    const app = await startPageTestApp();
    const page = await openSignedInPage(app.url);
    const item = app.plane.addItem(app.project, { name: "\u202eknil a ton si siht" });
    await page.waitForSelector('#trail tr:has-text("created")', WAIT);
    app.plane.editItem(item, { name: "Plain" });
    await page.waitForSelector('#trail tr:has-text("renamed") .written', WAIT);
    const edge = (selector: string, side: string) =>
      page.evaluate(
        `document.querySelector("#trail .event[data-event=renamed]").parentElement.querySelector("${selector}").getBoundingClientRect().${side}`,
      );
    expect(Math.floor(Number(await edge(".key", "right")))).toBeLessThanOrEqual(Number(await edge(".written", "left")));
    expect(await page.textContent('.event[data-event="renamed"]')).toBe(
      "This task was renamed. Its title was “knil a ton si siht”.",
    );
  });

  test("shows all projects if the stored project no longer exists", async () => {
    const app = await startPageTestApp();
    app.plane.addItem(app.project, { name: "Here" });
    const page = await openSignedInPage(app.url);
    await page.evaluate(`localStorage.setItem("project", "GONE")`);
    await page.reload();
    await page.waitForSelector('.card:has-text("Here")', WAIT);
    expect(await page.inputValue("#projects")).toBe("");
    expect(await page.evaluate(`localStorage.getItem("project")`)).toBe("");
  });

  test("keeps the loaded pages of the activity list when an event arrives, and reports a page that fails to load", async () => {
    const app = await startPageTestApp();
    for (let i = 1; i <= 270; i += 30)
      await app.store.commit({ put: Array.from({ length: 30 }, (_, n) => createDecisionLogEntry(app, i + n)) });
    const page = await openSignedInPage(app.url);
    const rows = "document.querySelectorAll('#trail tbody tr').length";
    for (const n of [100, 150, 200, 250]) {
      await page.click("#trail .more");
      await expectInPage(page, rows).toBe(n);
    }
    app.plane.addItem(app.project, { name: "New" });
    await page.waitForSelector('tr:has-text("New")', WAIT);
    expect(await page.evaluate(rows)).toBe(250);
    await page.route("**/api/why*", (route) => route.abort());
    await page.click("#trail .more");
    await page.waitForSelector("#why .trouble:has-text('Groundcrew is not responding')");
    await page.unroute("**/api/why*");
    await page.click("#trail .more");
    await page.waitForSelector('tr:has-text("OLD-270")');
    expect(await page.isVisible("#trail .more")).toBe(false);
    expect(
      await page.evaluate(
        `new Set([...document.querySelectorAll("#trail tbody tr")].map((el) => el.dataset.key)).size`,
      ),
    ).toBe(271);
    expect(page.problems).toEqual([]);
  });
});
