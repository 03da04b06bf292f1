import { afterAll, describe, expect, test } from "vitest";
import { closeSharedBrowser, hasChromium, type TestPage } from "./browser.ts";
import { createSession, listResults, openTickets, startTicketsPageApp, ticketSelector } from "./tickets-page-app.ts";

afterAll(closeSharedBrowser);

const WAIT = { timeout: 30_000 };
const FOCUSED = "document.activeElement";
const PERMISSION = { hook_event_name: "PermissionRequest", tool_name: "Bash", tool_input: { command: "touch it" } };

const expectInPage = (page: TestPage, expression: string) => expect.poll(() => page.evaluate(expression), WAIT);
describe.skipIf(!hasChromium())("The view Tickets", { timeout: 120_000 }, () => {
  test("a ticket is approved, watched, answered, completed and written to Plane with the keyboard alone", async () => {
    const app = await startTicketsPageApp();
    const page = await openTickets(app);
    await page.waitForSelector(".notice:has-text('No runner is connected')");
    expect(await page.innerText('[data-part="pending"]')).toContain("No ticket waits for approval.");
    app.requestTicket("Write it down", { description_html: "<p>All of <b>it</b></p>", priority: "high" });
    const pending = ticketSelector("pending", "ONB-1");
    await page.waitForSelector(pending, WAIT);
    await expectInPage(page, "document.title").toBe("(1) Groundcrew");
    expect(await page.innerText('#views [data-view="tickets"]')).toMatch(/Tickets\s+1/);
    expect(await page.innerText(pending)).toMatch(
      /ONB-1\s+Write it down[\s\S]*High\s+New task[\s\S]*All of \*\*it\*\*/,
    );
    expect(await page.getAttribute(`${pending} .out`, "href")).toContain("ONB-1");

    await page.press(`${pending} button:has-text("Approve")`, "Enter");
    const session = ticketSelector("sessions", "ONB-1");
    await page.waitForSelector(`${session}:has-text("Approved")`, WAIT);
    // Its terminal opens, which shows the session as soon as there is one.
    await expectInPage(page, `${FOCUSED}.dataset.terminal`).toBe("ONB-1");
    const phase = page.frameLocator(".terminal-panel iframe").locator("#terminal-phase");
    await expect.poll(() => phase.textContent(), WAIT).toBe("Waiting for the session");
    await page.waitForSelector("#ticket-told:has-text('ONB-1 is approved.')");
    await expectInPage(page, "document.title").toBe("Groundcrew");
    expect(await page.isVisible(pending)).toBe(false);

    const token = await app.startSessions();
    await page.waitForSelector(`${session}:has-text("Running"):has-text("> working")`, WAIT);
    await expect.poll(() => phase.textContent(), WAIT).toBe("Live");
    await page.press(".terminal-panel button:has-text('Close')", "Enter");
    await expectInPage(page, `${FOCUSED}.textContent`).toContain("Open terminal");
    await expect.poll(() => page.isVisible(".notice:has-text('No runner')"), WAIT).toBe(false);
    expect(await page.innerText(`${session} dl`)).toMatch(/Time left\s+30 min, until \d\d:\d\d\s+Runner\s+vps/);

    // A permission is allowed, and the session gets the answer.
    const asked = app.hook("ONB-1", token, PERMISSION);
    await page.waitForSelector(`${session} .question:has-text("asks for permission"):has-text("touch it")`, WAIT);
    expect(await page.getAttribute(session, "data-state")).toBe("waiting");
    await page.press(`${session} .question button:has-text("Allow")`, "Enter");
    expect(await asked).toMatchObject({ json: { hookSpecificOutput: { decision: { behavior: "allow" } } } });
    await page.waitForSelector(`${session}:not(:has(.question))`, WAIT);
    await expectInPage(page, `Boolean(${FOCUSED}.closest(".ticket"))`).toBe(true);

    // A question is answered in the dialog, which shows it and has the focus.
    await app.hook("ONB-1", token, { hook_event_name: "Stop", last_assistant_message: "Which colour?" });
    await page.waitForSelector(`${session} .question:has-text("Which colour?")`, WAIT);
    await page.press(`${session} .question button`, "Enter");
    await page.waitForSelector("dialog[open]:has-text('Which colour?')");
    await page.keyboard.press("Escape");
    await expectInPage(page, "document.querySelector('dialog')").toBe(null);
    await expectInPage(page, `${FOCUSED}.textContent`).toContain("Answer…");
    await page.keyboard.press("Enter");
    await page.keyboard.type("Blue");
    await page.press("dialog button:has-text('Send')", "Enter");
    await page.waitForSelector(`${session}:not(:has(.question))`, WAIT);
    const inputs = (await app.exchange([createSession("ONB-1")])).sessions[0]?.inputs;
    expect(inputs).toMatchObject([{ kind: "text", text: "Blue" }]);

    // Output, commits and costs appear by themselves; the focus stays at the button.
    await page.focus(`${session} button:has-text("Extend")`);
    const working = {
      screen: "\u001b[31mred\u001b[0m <b>done</b>",
      commits: [{ id: "abc1234def5678", subject: "feat: <b>it</b>" }],
      diff: { files: 2, insertions: 30, deletions: 4 },
      conflicts: ["src/<a>.ts"],
      cost_usd: 1.25,
      tokens: { input: 12_000, output: 3_400 },
      applied: [inputs?.[0]?.id ?? ""],
    };
    await app.exchange([createSession("ONB-1", working)]);
    await page.waitForSelector(`${session} .screen:has-text("<b>done</b>")`, WAIT);
    expect(await page.textContent(`${session} .screen`)).not.toContain("\u001b");
    expect(await page.innerText(`${session} dl`)).toMatch(
      /Branch\s+groundcrew\/onb-1\s+Changes\s+\+30 −4, files: 2\s+Cost\s+(US)?\$1\.25\s+Tokens\s+12,000 in, 3,400 out\s+Commits\s+abc1234def feat: <b>it<\/b>\s+Conflicts[\s\S]*src\/<a>\.ts/,
    );
    expect(await page.evaluate(`${FOCUSED}.textContent`)).toContain("Extend");
    // Output loads the sessions, and nothing else of the page.
    await app.exchange([createSession("ONB-1", { ...working, screen: "second screen" })]);
    await page.waitForSelector(`${session} .screen:has-text("second screen")`, WAIT);
    const requested: string[] = [];
    page.on("request", (request) => requested.push(new URL(request.url()).pathname));
    await app.exchange([createSession("ONB-1", { ...working, screen: "third screen" })]);
    await page.waitForSelector(`${session} .screen:has-text("third screen")`, WAIT);
    expect([...new Set(requested)]).toEqual(["/api/sessions"]);
    expect(await page.innerText("#tickets-cost")).toMatch(/Cost today: (US)?\$1\.25/);
    await page.keyboard.press("Enter");
    await page.waitForSelector(
      `${session}:has-text("1 hr, until"), ${session}:has-text("59 min"), ${session}:has-text("1h")`,
      WAIT,
    );

    // The terminal opens once, below the sessions, with its buttons also in a low window.
    await page.setViewportSize({ width: 1440, height: 480 });
    await page.press(`${session} button:has-text("Open terminal")`, "Enter");
    await expectInPage(page, `${FOCUSED}.dataset.terminal`).toBe("ONB-1");
    const close = (await page.locator(".terminal-panel button").boundingBox())?.y ?? 0;
    expect(close).toBeGreaterThan((await page.locator(".said").boundingBox())?.y ?? 0);
    expect(close).toBeLessThan(240);
    await page.setViewportSize({ width: 1440, height: 900 });
    await page.press(`${session} button:has-text("Open terminal")`, "Enter");
    expect(await page.locator(".terminal-panel").count()).toBe(1);
    await page.press(".terminal-panel button:has-text('Close')", "Enter");
    await expectInPage(page, `${FOCUSED}.textContent`).toContain("Open terminal");

    await page.press(`${session} button:has-text("Complete…")`, "Enter");
    await page.waitForSelector("dialog[open]");
    await page.fill("dialog textarea", "All is *done*");
    await page.press("dialog button:has-text('Complete')", "Enter");
    const completed = ticketSelector("completed", "ONB-1");
    await page.waitForSelector(`${completed}:has-text("Result to approve"):has-text("All is *done*")`, WAIT);
    await expectInPage(page, `${FOCUSED}.dataset.ticket`).toBe("ONB-1");

    // The summary is edited before it is written.
    await page.press(`${completed} button:has-text("Edit summary")`, "Enter");
    expect(await page.inputValue("dialog textarea")).toBe("All is *done*");
    await page.fill("dialog textarea", "All is **done**, see the branch");
    await page.press("dialog button:has-text('Approve update')", "Enter");
    await page.waitForSelector(`${completed}:has-text("Written to Plane")`, WAIT);
    expect(listResults(app)).toHaveLength(1);
    expect(listResults(app)[0]).toContain("<strong>done</strong>, see the branch");
    await expectInPage(page, `${FOCUSED}.dataset.ticket`).toBe("ONB-1");
    await page.press(`${completed} button:has-text("Remove worktree")`, "Enter");
    await page.check("dialog input");
    await page.press("dialog button:has-text('Remove')", "Enter");
    await page.waitForSelector(`${completed}:has-text("The runner was asked to remove")`, WAIT);
    expect((await app.exchange()).remove).toMatchObject([{ ticket: "ONB-1", force: true }]);
    expect(page.problems).toEqual([]);
  });

  test("Approve clicked in two browsers at once starts one session, which both show", async () => {
    const app = await startTicketsPageApp();
    app.requestTicket("Write it down");
    const pages = await Promise.all([openTickets(app), openTickets(app, { ownBrowser: Boolean(process.env["FULL"]) })]);
    for (const page of pages) await page.waitForSelector(ticketSelector("pending", "ONB-1"), WAIT);
    await Promise.all(
      pages.map((page) => page.click(`${ticketSelector("pending", "ONB-1")} button:has-text("Approve")`)),
    );
    for (const page of pages) {
      await page.waitForSelector(ticketSelector("sessions", "ONB-1"), WAIT);
      await page.waitForSelector("#ticket-told:has-text('ONB-1 is approved.')", WAIT);
      expect(await page.locator("#tickets-view .ticket").count()).toBe(1);
      expect(page.problems).toEqual([]);
    }
    const { sessions } = await app.exchange();
    expect(sessions).toMatchObject([{ ticket: "ONB-1", run: 1 }]);
    await app.exchange([createSession("ONB-1")]);
    for (const page of pages)
      await page.waitForSelector(`${ticketSelector("sessions", "ONB-1")}:has-text("> working")`, WAIT);
  });

  test("the next approval replaces the terminal that the last one opened, and no other", async () => {
    const app = await startTicketsPageApp();
    for (const name of ["First", "Second", "Third"]) app.requestTicket(name);
    const page = await openTickets(app);
    const approve = async (key: string) => {
      await page.waitForSelector(ticketSelector("pending", key), WAIT);
      await page.click(`${ticketSelector("pending", key)} button:has-text("Approve")`);
      await page.waitForSelector(`[data-terminal="${key}"]`, WAIT);
    };
    const listTerminals = () =>
      page.evaluate('[...document.querySelectorAll("[data-terminal]")].map((el) => el.dataset.terminal)');
    await approve("ONB-1");
    await approve("ONB-2");
    expect(await listTerminals()).toEqual(["ONB-2"]);
    await app.startSessions();
    await page.click(`${ticketSelector("sessions", "ONB-1")} button:has-text("Open terminal")`, WAIT);
    await approve("ONB-3");
    expect(await listTerminals()).toEqual(["ONB-1", "ONB-3"]);
    expect(page.problems).toEqual([]);
  });

  test("a ticket that changed since it was shown is not approved: the page says so and shows its new text", async () => {
    const app = await startTicketsPageApp({}, { POLL_CRON: "0 0 1 1 *" });
    const item = app.requestTicket("Write it down", { description_html: "<p>Old words</p>" });
    await app.deps().ticks.runNow("poll");
    const page = await openTickets(app);
    const pending = ticketSelector("pending", "ONB-1");
    await page.waitForSelector(`${pending}:has-text("Old words")`, WAIT);
    app.plane.editItem(item, { description_html: "<p>New words</p>" });
    await page.press(`${pending} button:has-text("Approve")`, "Enter");
    await page.waitForSelector("#ticket-problem:has-text('ONB-1 has changed since it was shown')", WAIT);
    await page.waitForSelector(`${pending}:has-text("New words"):has-text("The text has changed")`);
    expect(await app.read("/api/sessions")).toMatchObject({ count: 0 });
    expect(await page.locator(".terminal-panel").count()).toBe(0);
    await expectInPage(page, `${FOCUSED}.textContent`).toContain("Approve");
    await page.keyboard.press("Enter");
    await page.waitForSelector(ticketSelector("sessions", "ONB-1"), WAIT);
    expect(await page.textContent("#ticket-problem")).toBe("");

    // One that another person has rejected meanwhile is gone.
    app.requestTicket("Another one");
    await app.deps().ticks.runNow("poll");
    await page.waitForSelector(ticketSelector("pending", "ONB-2"), WAIT);
    await page.clock.install();
    await page.press(`${ticketSelector("pending", "ONB-2")} button:has-text("Reject")`, "Enter");
    await page.keyboard.type("Too vague");
    await page.press("dialog button:has-text('Reject')", "Enter");
    await expect.poll(() => page.isVisible(ticketSelector("pending", "ONB-2")), WAIT).toBe(false);
    await page.waitForSelector("#ticket-told:has-text('ONB-2 is rejected.')", WAIT);
    await page.clock.fastForward(10_000);
    expect(await page.textContent("#ticket-told")).toBe("");
    await expectInPage(page, `${FOCUSED}.id`).toBe("tickets");
    await page.waitForSelector("#trail tr:has-text('Too vague')", { ...WAIT, state: "attached" });
    expect(page.problems).toEqual([]);
  });
});
