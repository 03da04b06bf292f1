import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import type { PendingTicketsAnswer } from "../../shared/tickets/ticket-views.ts";
import { closeSharedBrowser, hasChromium, openPage } from "./browser.ts";
import { PAGE_ADMIN_TOKEN, signIn, startPageTestApp } from "./page-test-app.ts";
import { createSession, listResults, openTickets, startTicketsPageApp, ticketSelector } from "./tickets-page-app.ts";

afterAll(closeSharedBrowser);

const WAIT = { timeout: 30_000 };
/** What tests of the routes check as well, in the full run only. */
const full = test.runIf(process.env["FULL"]);

describe.skipIf(!hasChromium())("The view Tickets", { timeout: 120_000 }, () => {
  full(
    "an update that Plane takes only half shows what is missing and why, and writes the rest on request",
    async () => {
      const app = await startTicketsPageApp();
      app.requestTicket("Write it down");
      const page = await openTickets(app);
      await page.click(`${ticketSelector("pending", "ONB-1")} button:has-text("Approve")`, WAIT);
      await page.waitForSelector(ticketSelector("sessions", "ONB-1"), WAIT);
      await app.startSessions();
      await app.call("/api/sessions/ONB-1/complete", { summary: "Written" });
      const completed = ticketSelector("completed", "ONB-1");
      await page.waitForSelector(completed, WAIT);
      const end = app.plane.faults.add({ method: "PATCH", path: "/work-items/" }, { kind: "status", status: 400 });
      await page.click(`${completed} button:has-text("Approve update")`);
      await page.waitForSelector(
        `${completed} .notice:has-text("Comment: written"):has-text("Status: not written")`,
        WAIT,
      );
      await page.waitForSelector("#ticket-problem:has-text('Not all of ONB-1 is written to Plane.')", WAIT);
      end();
      await page.click(`${completed} button:has-text("Try again")`);
      await page.waitForSelector(`${completed}:has-text("Written to Plane")`, WAIT);
      expect(listResults(app)).toHaveLength(1);
      expect(page.problems).toEqual([]);
    },
  );

  full(
    "a completion that lacks something stays open with what is missing, and one that waits for tests says so",
    async () => {
      const app = await startTicketsPageApp({ repositories: { ONB: { path: "/srv/onb", test_command: "npm test" } } });
      app.requestTicket("Build it", { description_html: "<p>Done when: commit, tests</p>" });
      const page = await openTickets(app);
      await page.click(`${ticketSelector("pending", "ONB-1")} button:has-text("Approve")`, WAIT);
      const session = ticketSelector("sessions", "ONB-1");
      await page.waitForSelector(session, WAIT);
      await app.startSessions();
      await page.click(`${session} button:has-text("Complete…")`, WAIT);
      await page.fill("#ask-text", "All is done");
      await page.click("dialog button:has-text('Complete')");
      await page.waitForSelector("dialog .problem:has-text('ONB-1 is not done yet: it requires a commit')", WAIT);
      await app.exchange([createSession("ONB-1", { commits: [{ id: "a".repeat(40), subject: "feat: it" }] })]);
      await page.click("dialog button:has-text('Complete')");
      await page.waitForSelector("#ticket-told:has-text('The test command runs now. ONB-1 is complete when')", WAIT);
      expect(await page.isVisible("dialog")).toBe(false);
      expect(page.problems.filter((problem) => !problem.includes("409"))).toEqual([]);
    },
  );

  full("says how to set tickets up, when loading fails, and that nothing is there, in English and French", async () => {
    const app = await startPageTestApp();
    const page = await signIn(await openPage(app.url));
    await page.route("**/assets/tickets.js*", (route) => route.abort());
    await page.click('#views [data-view="tickets"]');
    await page.waitForSelector("#tickets .trouble:has-text('Groundcrew is not responding')", WAIT);
    expect(await page.textContent("#tickets-view")).toBe("Loading…");
    await page.unroute("**/assets/tickets.js*");
    await page.route("**/api/sessions", (route) =>
      route.fulfill({ status: 500, json: { error: { code: "internal", message: "failed", text: "It broke" } } }),
    );
    await page.click("#tickets .trouble button");
    await page.waitForSelector("#tickets .trouble:has-text('It broke')", WAIT);
    await page.unroute("**/api/sessions");
    await page.click("#tickets .trouble button");
    await page.waitForSelector(".notice:has-text('Tickets are off.'):has-text('\"repositories\"')", WAIT);
    expect(await page.isVisible('[data-part="pending"]')).toBe(false);
    expect(await page.evaluate("document.title")).toBe("Groundcrew");
    await page.selectOption("#language", "fr");
    await page.waitForSelector(".notice:has-text('Les tickets sont désactivés.')", WAIT);

    const empty = await startTicketsPageApp();
    await empty.exchange();
    const other = await openTickets(empty, { locale: "fr-FR" });
    await other.waitForSelector("[data-part=pending]:has-text('Aucun ticket n’attend d’approbation.')", WAIT);
    await other.waitForSelector(".runners:has-text('vps')");
    expect(await other.innerText("#tickets-cost")).toMatch(/Coût du jour.*0,00/);
    expect([page.problems, other.problems]).toEqual([[], []]);
  });

  full("names a runner that is away while others are connected", async () => {
    const app = await startTicketsPageApp();
    app.requestTicket("Write it down");
    const page = await openTickets(app);
    await page.click(`${ticketSelector("pending", "ONB-1")} button:has-text("Approve")`, WAIT);
    await page.waitForSelector(ticketSelector("sessions", "ONB-1"), WAIT);
    await app.startSessions();
    await page.waitForSelector("[data-part=sessions]:has-text('Running')", WAIT);
    expect(await page.isVisible(".notice:has-text('is not connected')")).toBe(false);
    app.advanceStore(55_000);
    await app.exchange([], "other");
    app.advanceStore(10_000);
    await page.waitForSelector(".notice:has-text('The runner vps is not connected.')", WAIT);
    expect(await page.isVisible(".notice:has-text('other')")).toBe(false);
    expect(page.problems).toEqual([]);
  });

  full("the team shows the cost of sessions, and the line about the budget names it", async () => {
    const app = await startTicketsPageApp({}, {}, { budget: { amount: 50, currency: "USD" } });
    app.requestTicket("Write it down");
    const page = await openTickets(app);
    await page.click(`${ticketSelector("pending", "ONB-1")} button:has-text("Approve")`, WAIT);
    await page.waitForSelector(ticketSelector("sessions", "ONB-1"), WAIT);
    await app.startSessions({ cost_usd: 2.5 });
    await app.deps().ticks.runNow("figures");
    await page.click('#views [data-view="team"]');
    const panel = page.locator(".agent:has-text('Claude Code')");
    await panel.getByText(/This month: (US)?\$2\.50/).waitFor(WAIT);
    await panel.getByRole("img", { name: /^Cost of Claude Code, per day: (US)?\$2\.50, at most/ }).waitFor();
    expect(await panel.getByRole("row").nth(1).innerText()).toMatch(/\$2\.50/);
    await page.click('#views [data-view="board"]');
    await page.waitForSelector("#budget:has-text('tickets:')", WAIT);
    expect(await page.innerText("#budget")).toMatch(/\$2\.50 spent .* tickets: (US)?\$2\.50\./);
    expect(page.problems).toEqual([]);
  });
});

test("/api/events names a ticket that was approved and its session's output, over HTTP", async () => {
  const app = await startTicketsPageApp();
  app.requestTicket("Write it down");
  const read = () => app.read<PendingTicketsAnswer>("/api/pending-tickets");
  await expect.poll(async () => (await read()).count, WAIT).toBe(1);
  const stop = new AbortController();
  onTestFinished(() => stop.abort());
  const headers = { authorization: `Bearer ${PAGE_ADMIN_TOKEN}` };
  const response = await fetch(`${app.url}/api/events`, { headers, signal: stop.signal });
  const events = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  /** Reads until the stream has sent this. */
  async function readUntil(part: string | RegExp) {
    while (!text.match(part)) text += (await events?.read())?.value ?? "";
    return text;
  }
  // The first look has ended when the stream reports what it has found.
  await readUntil(/event: change\ndata: \d/);
  const approvedAt = performance.now();
  await app.call("/api/approve/ONB-1");
  await readUntil('event: ticket\ndata: {"id":"ONB-1","state":"approved","reason":"approved","run":1}');
  const delay = performance.now() - approvedAt;
  await app.startSessions();
  await readUntil('event: ticket\ndata: {"id":"ONB-1","state":"running","reason":"started","run":1}');
  await app.exchange([createSession("ONB-1", { screen: "news" })]);
  await readUntil('event: session\ndata: {"id":"ONB-1","run":1}');
  if (process.env["FULL"]) console.log(`from the request of an approval to its event: ${Math.round(delay)} ms`);
  expect(delay).toBeLessThan(20_000);
});
