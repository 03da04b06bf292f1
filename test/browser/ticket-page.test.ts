import { afterAll, describe, expect, test } from "vitest";
import { closeSharedBrowser, hasChromium, openPage, type TestPage } from "./browser.ts";
import { PAGE_ADMIN_TOKEN, passUndoTime } from "./page-test-app.ts";
import { createSession, startTicketsPageApp, type TicketsPageApp } from "./tickets-page-app.ts";

afterAll(closeSharedBrowser);

const WAIT = { timeout: 45_000 };
const ENDED = { state: "ended", exit: { reason: "exited", status: 0 } } as const;

/** A file whose every line is new, as a unified diff. */
function createFile(path: string, lines: readonly string[]): string {
  const added = lines.map((line) => `+${line}\n`).join("");
  return `diff --git a/${path} b/${path}\nnew file mode 100644\n--- /dev/null\n+++ b/${path}\n@@ -0,0 +1,${lines.length} @@\n${added}`;
}

const SMALL = `diff --git a/src/sign-in.ts b/src/sign-in.ts
--- a/src/sign-in.ts
+++ b/src/sign-in.ts
@@ -10,4 +10,5 @@ export function signIn(user: string) {
   const now = Date.now();
-  const host = "old.example";
+  const host = request.host;
+  const path = "/in";
   return open(host);
 }
`;
const createLines = (length: number) =>
  Array.from({ length }, (_, i) => `export const value${i} = "text of line ${i}"; // ${"x".repeat(i % 40)}`);
const LONG = createFile("src/long.ts", createLines(5_000));
/** As many lines as the page draws at a time. */
const BLOCK_LINES = 199;
const BLOCK = createFile("src/block.ts", createLines(BLOCK_LINES));

/** Opens the page of ONB-1 as a person who has signed in. */
async function openTicketPage(
  app: TicketsPageApp,
  options: Parameters<typeof openPage>[1] = {},
  hasTestClock = true,
): Promise<TestPage> {
  const page = await openPage(app.url, { width: 1440, ...options });
  if (hasTestClock) await page.clock.install();
  await page.fill("#token", PAGE_ADMIN_TOKEN);
  await page.press("#token", "Enter");
  await page.waitForSelector("#sign-in", { state: "hidden" });
  await page.goto(`${app.url}/tickets/ONB-1`);
  await page.waitForSelector(".ticket-page .diff-file", WAIT);
  return page;
}

/** What a round has made, as its runner reports it. */
const toRound = (round: number) => ({
  round,
  commits: [{ id: `abc1234def${round}`, subject: `feat: round ${round}` }],
  diff: { files: 2, insertions: 5_002, deletions: 1 },
  cost_usd: 0.42 * round,
  tokens: { input: 12_000 * round, output: 900 * round },
});

/** Completes a round of ONB-1 with this difference. */
async function finishRound(app: TicketsPageApp, round: number, text: string) {
  await app.exchange();
  await app.exchange([createSession("ONB-1", toRound(round))]);
  await app.sendDifference(text, round);
  await app.call("/api/sessions/ONB-1/complete", { summary: `Result of round ${round}` });
  await app.exchange([createSession("ONB-1", { ...toRound(round), ...ENDED })]);
}

async function startWithResult(text: string, settings: object = {}) {
  const app = await startTicketsPageApp(settings);
  app.requestTicket("Follow the host of the page", { description_html: "<p>Sign-in goes to the old host.</p>" });
  await expect.poll(async () => (await app.read<{ count: number }>("/api/pending-tickets")).count, WAIT).toBe(1);
  await app.call("/api/approve/ONB-1");
  await finishRound(app, 1, text);
  return app;
}

describe.skipIf(!hasChromium())("The page of a ticket in Chromium", { timeout: 180_000 }, () => {
  test("shows the difference folded and side by side, and sends a comment on a line back; both rounds stay", async () => {
    const app = await startWithResult(SMALL + LONG);
    const page = await openTicketPage(app);
    const file = page.locator('.diff-file[aria-label="src/sign-in.ts"]');
    const long = page.locator('.diff-file[aria-label="src/long.ts"]');
    expect(await page.innerText(".diff > p")).toBe("+5,002 −1, files: 2");
    // A long file is folded; side by side a changed line stands beside the one before.
    expect(await file.locator("button[aria-expanded]").getAttribute("aria-expanded")).toBe("true");
    expect(await long.locator("button[aria-expanded]").getAttribute("aria-expanded")).toBe("false");
    expect(await long.locator("table").count()).toBe(0);
    const changed = file.locator("table.split tr", { hasText: "old.example" });
    expect(await changed.locator("td").allInnerTexts()).toEqual([
      ...["11", '  const host = "old.example";', "11", "  const host = request.host;"],
    ]);
    // Colours come later, with the file that has them.
    await file.locator('i[class^="hljs-"]').first().waitFor(WAIT);
    // On a phone the lines stand one below the other.
    await page.setViewportSize({ width: 390, height: 844 });
    await file.locator("table.unified").waitFor(WAIT);
    expect((await file.locator("td.code").allInnerTexts()).slice(1, 4).map((line) => line.trim())).toEqual([
      ...['const host = "old.example";', "const host = request.host;", 'const path = "/in";'],
    ]);
    await page.setViewportSize({ width: 1440, height: 900 });
    await file.locator("table.split").waitFor(WAIT);

    await changed.click();
    await file.locator(".note textarea").fill("Use the header, not the host");
    await file.locator(".note button", { hasText: "Keep" }).press("Enter");
    await file.locator(".note", { hasText: "Use the header" }).waitFor(WAIT);
    await page.click('.request button[data-answer="send_back"]');
    expect(await page.innerText(".request pre")).toBe(
      "src/sign-in.ts:11\n> const host = request.host;\nUse the header, not the host",
    );
    await page.fill(".request textarea", "Otherwise good");
    await page.click('.request button[type="submit"]');
    await passUndoTime(page);
    await page.waitForSelector('.ticket-page:not(:has(.request)):has-text("sent back by")', WAIT);
    await app.exchange();
    const [desired] = (await app.exchange()).sessions;
    const text = "src/sign-in.ts:11\n> const host = request.host;\nUse the header, not the host\n\nOtherwise good";
    expect(desired).toMatchObject({ round: 2, resume: true, inputs: [{ kind: "paste", text }] });

    await finishRound(app, 2, SMALL.replace("request.host", "header.host"));
    await page.waitForSelector(".ticket-page .diff:has-text('header.host')", WAIT);
    await page.waitForSelector(".ticket-page .diff i.hljs-keyword", WAIT);
    await expect
      .poll(() => page.locator("[data-round]").allInnerTexts(), WAIT)
      .toEqual([
        expect.stringMatching(/Run 1, round 2[\s\S]*Otherwise good[\s\S]*Result of round 2/),
        expect.stringMatching(/Run 1, round 1[\s\S]*approved by[\s\S]*Result of round 1/),
      ]);
    expect(page.problems).toEqual([]);
  });

  test("5,000 lines are drawn a block at a time: no task is longer than those of a few blocks, and rows out of sight cost nothing", async () => {
    const app = await startWithResult(SMALL + BLOCK + LONG);
    const page = await openTicketPage(app, {}, false);
    await page.evaluate(`
      window.tasks = [];
      window.added = [];
      new PerformanceObserver((list) => window.tasks.push(...list.getEntries().map(({ duration }) => duration)))
        .observe({ type: "longtask" });
      new MutationObserver((records) => window.added.push(records
        .flatMap(({ addedNodes }) => [...addedNodes])
        .reduce((sum, el) => sum + (el.matches?.("tr") ? 1 : (el.querySelectorAll?.("tr").length ?? 0)), 0),
      )).observe(document.querySelector(".diff"), { childList: true, subtree: true });
    `);
    /** Opens a folded file; resolves with its longest task in milliseconds, 50 if the browser counts none as long. */
    const openFile = async (path: string, count: number) => {
      await page.evaluate("window.tasks.length = window.added.length = 0");
      const file = page.locator(`.diff-file[aria-label="${path}"]`);
      await file.locator("button[aria-expanded]").click();
      await expect.poll(() => file.locator("tr").count(), WAIT).toBe(count);
      await expect.poll(() => file.locator("table:last-child i.hljs-keyword").count(), WAIT).toBeGreaterThan(0);
      return (await page.evaluate("Math.max(50, ...window.tasks)")) as number;
    };
    await page.click('.diff-file[aria-label="src/block.ts"] button[aria-expanded]');
    const block = await openFile("src/block.ts", BLOCK_LINES + 1);
    const long = await openFile("src/long.ts", 5_001);
    expect(Math.max(...((await page.evaluate("window.added")) as number[]))).toBeLessThanOrEqual(400);
    // Drawn at once, it would take 25 times as long.
    expect(long / block).toBeLessThan(8);
    const table = "document.querySelector('.diff-file[aria-label=\"src/long.ts\"] table')";
    expect(await page.evaluate(`getComputedStyle(${table}).contentVisibility`)).toBe("auto");
  });

  test("shows the pull request with its checks, and sends red ones back by one press", async () => {
    const repositories = { ONB: { path: "/srv/onb", publish: "pull-request" } };
    const app = await startWithResult(SMALL, { repositories });
    await app.call("/api/update-plane/ONB-1");
    const { publish } = await app.exchange();
    const url = "https://git.example.com/onb/app/pulls/1";
    const report = (publication: object) =>
      app.exchange([
        createSession("ONB-1", {
          ...{ ...toRound(1), ...ENDED },
          publication: { id: publish[0]?.id ?? "", state: "open", url, commit: "abc1234def1", ...publication },
        }),
      ]);
    await report({ checks: { state: "pending", failed: [] } });
    const page = await openTicketPage(app);
    const fact = page.locator('.ticket-page [data-field="publication"] dd');
    await expect.poll(() => fact.innerText(), WAIT).toContain("checks are running");
    expect(await fact.locator("a").getAttribute("href")).toBe(url);
    await report({ checks: { state: "failed", failed: ["build <b>x</b>", "lint"], log: "expected 1, was 2" } });
    await expect.poll(() => fact.innerText(), WAIT).toContain("open · checks failed: build <b>x</b>, lint");
    await page.waitForSelector(".request:has-text('expected 1, was 2')", WAIT);
    await page.click('.request button[data-answer="send_back"]');
    expect(await page.locator(".request textarea").count()).toBe(0);
    await passUndoTime(page);
    await page.waitForSelector(".ticket-page:not(:has(.request))", WAIT);
    await app.exchange();
    const [desired] = (await app.exchange()).sessions;
    expect(desired).toMatchObject({ round: 2, resume: true, inputs: [{ kind: "paste" }] });
    expect(desired?.inputs[0]?.text).toMatch(
      /Checks of https:\S+ have failed: build <b>x<\/b>, lint\.[\s\S]*expected 1, was 2/,
    );
    expect(page.problems).toEqual([]);
  });
});
