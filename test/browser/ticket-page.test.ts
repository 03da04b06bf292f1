import { expect, test } from "vitest";
import { describeInChromium } from "./browser.ts";
import { openAt, passUndoTime, WAIT } from "./page-test-app.ts";
import { createSession, startTicketsPageApp, type TicketsPageApp } from "./tickets-page-app.ts";

const ENDED = { state: "ended", exit: { reason: "exited", status: 0 } } as const;

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
const LINES = Array.from({ length: 5_000 }, (_, i) => `+export const value${i} = "${"x".repeat(i % 40)}";\n`).join("");
const LONG = `diff --git a/src/long.ts b/src/long.ts
new file mode 100644
--- /dev/null
+++ b/src/long.ts
@@ -0,0 +1,5000 @@
${LINES}`;

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

/** ONB-1 with the result of its first round, which has this difference. */
async function startWithResult(text: string, tickets: object = {}) {
  const app = await startTicketsPageApp(tickets);
  app.requestTicket("Follow the host of the page", { description_html: "<p>Sign-in goes to the old host.</p>" });
  await expect.poll(async () => (await app.read<{ count: number }>("/api/pending-tickets")).count, WAIT).toBe(1);
  await app.call("/api/approve/ONB-1");
  await finishRound(app, 1, text);
  return app;
}

describeInChromium("The page of a ticket", () => {
  test("shows the difference folded and side by side, and sends a comment on a line back; both rounds stay", async () => {
    const app = await startWithResult(SMALL + LONG);
    const page = await openAt(`${app.url}/tickets/ONB-1`);
    await page.waitForSelector(".ticket-page .diff-file", WAIT);
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
    // A long file is drawn a block at a time.
    await long.locator("button[aria-expanded]").click();
    await expect.poll(() => long.locator("tr").count(), WAIT).toBe(5_001);
    expect(await long.locator("table").count()).toBeGreaterThan(10);
    await long.locator("button[aria-expanded]").click();
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
  });

  test("shows the pull request with its checks, and sends red ones back by one press", async () => {
    const app = await startWithResult(SMALL, { repositories: { ONB: { path: "/srv/onb", publish: "pull-request" } } });
    await app.call("/api/update-plane/ONB-1");
    const { publish } = await app.exchange();
    const url = "https://git.example.com/onb/app/pulls/1";
    const report = (checks: object) => {
      const publication = { id: publish[0]?.id ?? "", state: "open" as const, url, commit: "abc1234def1", checks };
      return app.exchange([createSession("ONB-1", { ...toRound(1), ...ENDED, publication } as object)]);
    };
    await report({ state: "pending", failed: [] });
    const page = await openAt(`${app.url}/tickets/ONB-1`);
    const fact = page.locator('.ticket-page [data-field="publication"] dd');
    await expect.poll(() => fact.innerText(), WAIT).toContain("checks are running");
    expect(await fact.locator("a").getAttribute("href")).toBe(url);
    await report({ state: "failed", failed: ["build <b>x</b>", "lint"], log: "expected 1, was 2" });
    await expect.poll(() => fact.innerText(), WAIT).toContain("open · checks failed: build <b>x</b>, lint");
    await page.waitForSelector(".request:has-text('expected 1, was 2')", WAIT);
    await page.click('.request button[data-answer="send_back"]');
    expect(await page.locator(".request textarea").count()).toBe(0);
    await passUndoTime(page);
    await page.waitForSelector(".ticket-page:not(:has(.request))", WAIT);
    await app.exchange();
    const [desired] = (await app.exchange()).sessions;
    expect(desired).toMatchObject({ round: 2, resume: true, inputs: [{ kind: "paste" }] });
    const text = /Checks of https:\S+ have failed: build <b>x<\/b>, lint\.[\s\S]*expected 1, was 2/;
    expect(desired?.inputs[0]?.text).toMatch(text);
  });
});
