import { afterAll, describe, expect, test } from "vitest";
import { createTaskOperations } from "../../functions/agent/tool.ts";
import { createDecisionPut, type DecisionRecord } from "../../shared/records/decision-log.ts";
import { wakeKeys } from "../../shared/tasks/wakes.ts";
import { chatMessageKey, createChatMessagePut, telegramDeliveryKey } from "../../shared/telegram/message-log.ts";
import { DAY, MINUTE } from "../../shared/time.ts";
import { IS_FULL_RUN } from "../reliability/random-source.ts";
import { FIND_LOW_CONTRAST, FIND_SMALL_TARGETS } from "./accessibility-checks.ts";
import { closeSharedBrowser, hasChromium, openPage, type TestPage } from "./browser.ts";
import { openSignedInPage, signIn, startPageTestApp } from "./page-test-app.ts";

/** Polls an expression in the page for its expected value. */
const expectInPage = (page: TestPage, expression: string, timeout = 15_000) =>
  expect.poll(() => page.evaluate(expression), { timeout, interval: 100 });

afterAll(closeSharedBrowser);

const cardSelector = (name: string, text: string) => `[data-column="${name}"] .card:has-text("${text}")`;

describe.skipIf(!hasChromium())("The page in Chromium", { timeout: 120_000 }, () => {
  test("asks for ADMIN_TOKEN, reports a wrong one, and shows nothing before signing in", async () => {
    const app = await startPageTestApp();
    const page = await openPage(app.url);
    await page.waitForSelector("#sign-in:not([hidden])");
    expect(await page.isVisible("main")).toBe(false);
    await page.fill("#token", "not it");
    await page.press("#token", "Enter");
    await page.waitForSelector("#sign-in-problem:has-text('does not match ADMIN_TOKEN')");
    await signIn(page);
    await page.reload();
    await page.waitForSelector(".column");
    await page.click("#sign-out");
    await page.waitForSelector("#sign-in:not([hidden])");
    expect(page.problems).toEqual([]);
  });

  test("shows a change in two browsers without a reload: on the board, in the activity list and in the chat", async () => {
    const app = await startPageTestApp();
    const [one, two] = await Promise.all([
      openSignedInPage(app.url, { motion: true }),
      openSignedInPage(app.url, { locale: "fr-FR" }),
    ]);
    const item = app.plane.addItem(app.project, {
      name: "Write the guide",
      priority: "urgent",
      assignees: [app.thot],
      target_date: "2020-01-02",
    });
    for (const page of [one, two])
      await page.waitForSelector(cardSelector("todo", "Write the guide"), { timeout: 45_000 });
    const card = await one.textContent(cardSelector("todo", "Write the guide"));
    expect(card).toMatch(/ONB-1.*Urgent.*overdue.*Thot/);
    expect(await two.textContent(cardSelector("todo", "Write the guide"))).toMatch(/Urgent.*en retard/);
    app.plane.editItem(item, { state: "Done" });
    for (const page of [one, two])
      await page.waitForSelector(cardSelector("done", "Write the guide"), { timeout: 45_000 });
    await one.waitForSelector('tr:has-text("completed") .fate[data-is="delivered"]', { timeout: 45_000 });
    await one.waitForSelector('.message strong:has-text("Completed")');
    expect(await one.getAttribute('.message a:has-text("ONB-1")', "href")).toBe(
      `${app.plane.url}/${app.plane.workspace.slug}/browse/ONB-1/`,
    );
    expect(await one.textContent('tr:has-text("assigned to thot") .answer')).toContain(
      "No message: no notification rule covers this.",
    );
    expect(await two.textContent("#why-head")).toBe("Activité");
    await two.waitForSelector('tr:has-text("terminée")');
    expect([...one.problems, ...two.problems]).toEqual([]);
  });

  test("shows on a card who holds the task and that it waits for a review", async () => {
    const app = await startPageTestApp();
    const [one, two] = await Promise.all([openSignedInPage(app.url), openSignedInPage(app.url, { locale: "fr-FR" })]);
    app.plane.addItem(app.project, { name: "Write the guide", assignees: [app.thot] });
    await one.waitForSelector(cardSelector("todo", "Write the guide"), { timeout: 45_000 });
    await createTaskOperations(app.deps(), { name: "Thot", role: "worker" }).claim("ONB-1");
    await one.waitForSelector(`${cardSelector("todo", "Write the guide")} .held`, { timeout: 45_000 });
    expect(await one.textContent(".held")).toMatch(/^claimed by Thot until \d\d:\d\d$/);
    await two.waitForSelector(".held:has-text('réservée par Thot jusqu’à')", { timeout: 45_000 });
    const unsure = { status: "done", text: "Written.", confidence: 0.5 } as const;
    const thot = () => createTaskOperations(app.deps(), { name: "Thot", role: "worker" });
    await thot().setStatus("ONB-1", { status: "in_progress" });
    await thot().setStatus("ONB-1", unsure);
    await one.waitForSelector(".card .waits:has-text('Waiting for your review')", { timeout: 45_000 });
    await two.waitForSelector(".card .waits:has-text('En attente de votre relecture')", { timeout: 45_000 });
    expect([...one.problems, ...two.problems]).toEqual([]);
  });

  test("shows what an agent has not read on its card, whose button stops the work (PEOPLE-02)", async () => {
    const app = await startPageTestApp();
    const page = await openSignedInPage(app.url);
    const item = app.plane.addItem(app.project, { name: "Write the guide", assignees: [app.thot] });
    await page.waitForSelector(cardSelector("todo", "Write the guide"), { timeout: 45_000 });
    const thot = () => createTaskOperations(app.deps(), { name: "Thot", role: "worker" });
    await thot().claim("ONB-1");
    app.plane.addComment(item, "<p>Use blue</p>");
    await page.waitForSelector(".card .waits:has-text('1 not read by its agent')", { timeout: 45_000 });
    const asked: string[] = [];
    page.on("dialog", (dialog) => {
      asked.push(dialog.message());
      void dialog.accept();
    });
    await page.getByRole("button", { name: "Stop the work of Thot on ONB-1" }).press("Enter");
    await page.waitForSelector(".card .held", { state: "detached", timeout: 45_000 });
    expect(asked).toEqual(["Stop the work of Thot on ONB-1?"]);
    await expect(thot().report("ONB-1", { text: "x" })).rejects.toMatchObject({ code: "stopped" });
    expect(page.problems).toEqual([]);
  });

  test("shows a card's own activity by click and by keyboard, and Esc goes back", async () => {
    const app = await startPageTestApp();
    const page = await openSignedInPage(app.url);
    app.plane.addItem(app.project, { name: "First" });
    app.plane.addItem(app.project, { name: "Second", priority: "low" });
    const third = app.plane.addItem(app.project, { name: "Third", state: "In Progress" });
    await page.waitForSelector(cardSelector("in_progress", "Third"), { timeout: 45_000 });
    await page.waitForSelector(cardSelector("todo", "First"), { timeout: 45_000 });
    await page.waitForSelector('tr:has-text("Second")');
    await page.focus(`${cardSelector("todo", "Second")} button`);
    await page.keyboard.press("ArrowDown");
    expect(await page.evaluate("document.activeElement.textContent")).toContain("First");
    await page.keyboard.press("ArrowRight");
    expect(await page.evaluate("document.activeElement.textContent")).toContain("Third");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#why-of .chip:has-text('ONB-3')");
    await expectInPage(page, "document.querySelector('#trail').textContent.includes('Second')").toBe(false);
    app.plane.editItem(third, { priority: "high" });
    await page.waitForSelector('#trail tr:has-text("The priority was changed: No priority → High")', {
      timeout: 45_000,
    });
    await page.keyboard.press("Escape");
    await page.waitForSelector('#trail tr:has-text("Second")');
    expect(await page.evaluate("document.activeElement.textContent")).toContain("Third");
    expect(page.problems).toEqual([]);
  });

  test("shows a lost connection, reconnects, and misses no change", async () => {
    const app = await startPageTestApp();
    const page = await openSignedInPage(app.url);
    await page.waitForSelector('#live[data-is="on"]');
    await app.stop();
    await page.waitForSelector("#lost:not([hidden]):has-text('Connection lost')");
    app.plane.addItem(app.project, { name: "Came while nobody was there" });
    await app.restart();
    await page.waitForSelector('#live[data-is="on"]', { timeout: 20_000 });
    expect(await page.isVisible("#lost")).toBe(false);
    await page.waitForSelector(cardSelector("todo", "Came while nobody was there"), { timeout: 45_000 });
    expect(page.problems).toEqual([]);
  });

  test("shows on every view what is broken, with what to do, until it is over", async () => {
    const app = await startPageTestApp();
    const page = await openSignedInPage(app.url);
    expect(await page.isVisible("#notices p")).toBe(false);
    const repair = app.plane.faults.add({ path: /\/projects\/$/ }, { kind: "status", status: 404 });
    await page.waitForSelector("#notices p:has-text('Polls of Plane have failed'):has-text('npm run doctor')", WAIT);
    for (const view of ["team", "plan", "tickets"]) {
      await page.click(`header [data-view="${view}"]`);
      expect(await page.isVisible("#notices p"), view).toBe(true);
    }
    repair();
    await page.waitForSelector("#notices:not(:has(p))", { ...WAIT, state: "attached" });
    expect(page.problems).toEqual([]);
  });

  test("reports what it cannot load, and loads it on request", async () => {
    const app = await startPageTestApp();
    const page = await openSignedInPage(app.url);
    await page.route("**/api/why*", (route) =>
      route.fulfill({ status: 500, json: { error: { code: "internal", message: "failed", text: "It broke" } } }),
    );
    await page.selectOption("#projects", "ONB");
    await page.waitForSelector("#why .trouble:has-text('It broke')");
    await page.unroute("**/api/why*");
    await page.click("#why .trouble button");
    await expectInPage(page, "document.querySelector('#why .trouble').childElementCount").toBe(0);
  });
});

const WAIT = { timeout: 45_000 };

type PageTestApp = Awaited<ReturnType<typeof startPageTestApp>>;

/** Stores an entry about ONB-1, as the product does for an event. */
async function addEntry(app: PageTestApp, entry: Pick<DecisionRecord, "event"> & Partial<DecisionRecord>) {
  const record: DecisionRecord = {
    at: Date.now(),
    record: `item:${entry.event.kind}`,
    rev: 1,
    project: { identifier: "ONB", name: "Onboarding" },
    item: { id: "one", key: "ONB-1", title: "Write the guide", url: app.plane.url },
    via: "webhook",
    correlation: "webhook-1",
    actions: [],
    skipped: [],
    ...entry,
  };
  await app.store.commit({ put: [createDecisionPut(record)] });
}

describe.skipIf(!hasChromium())("Activity in Chromium", { timeout: 120_000 }, () => {
  test("says in sentences what happened, what Groundcrew did and which rule decided, in English and French", async () => {
    const app = await startPageTestApp();
    await app.store.commit({ put: [{ key: wakeKeys.addedJob("wake-job"), value: true }] });
    const ada = { name: "Ada", isAgent: false };
    await addEntry(app, {
      event: { kind: "assigned", who: "nobody-known" },
      actor: ada,
      actions: [{ rule: "wake on assigned", target: "wake:Thot", queue: "wake", job: "wake-job" }],
      skipped: [{ consumer: "telegram", why: "no_rule" }],
    });
    await addEntry(app, {
      event: { kind: "claim_lost", agent: "Thot", why: "expired", since: "2026-11-21T08:00:00Z", minutes: 20 },
      actions: [{ rule: "trouble", target: "telegram:4711", queue: "outbox", job: "waits" }],
    });
    await addEntry(app, {
      event: { kind: "due", from: null, to: "2026-12-24" },
      actor: ada,
      skipped: [{ consumer: "telegram", why: "muted", rule: "quiet nights" }],
    });
    const page = await openSignedInPage(app.url);
    const row = (kind: string) => page.locator(`#trail tr:has(.event[data-event="${kind}"])`);
    const readCell = async (kind: string, cell: string) =>
      (await row(kind).locator(cell).allInnerTexts()).join(" ").replace(/\s+/g, " ").trim();

    expect(await readCell("assigned", ".what")).toBe("ONB-1 Write the guide This task was assigned to someone by Ada.");
    expect(await readCell("assigned", ".line")).toBe(
      "Thot was woken. Agents are always woken about work that concerns them. No message: no notification rule covers this.",
    );
    expect(await readCell("claim_lost", ".event")).toBe(
      "Thot lost its claim on this task: it made no call for 20 minutes.",
    );
    expect(await readCell("claim_lost", ".line")).toBe(
      "A message to chat 4711 waits to be sent. Rule: “problems”, one of the default notification rules.",
    );
    expect(await readCell("due", ".event")).toBe("The due date was set by Ada: Dec 24");
    expect(await readCell("due", ".line")).toBe("No message: the rule “quiet nights” suppresses it.");

    await page.selectOption("#language", "fr");
    await page.waitForSelector("th:has-text('Ce qui s’est passé')");
    expect(await readCell("claim_lost", ".event")).toBe(
      "Thot a perdu sa réservation de cette tâche : aucun appel pendant 20 minutes.",
    );
    expect(await readCell("claim_lost", ".line")).toBe(
      "Un message à la discussion 4711 attend d’être envoyé. Règle : « problèmes », l’une des règles de notification par défaut.",
    );
    expect(await readCell("assigned", ".event")).toBe("Cette tâche a été attribuée à quelqu’un par Ada.");
    expect(page.problems).toEqual([]);
  });

  test("keeps technical details folded, opens them with the keyboard, and keeps them open when the entry changes", async () => {
    const app = await startPageTestApp();
    const asked = [{ rule: "waits for a person", target: "telegram:4711", queue: "outbox" as const, job: "later" }];
    const plan = { kind: "plan_failed", plan: "p", agent: "Thot", title: "Shop", text: "<b>no</b>" } as const;
    await addEntry(app, { event: plan, actions: asked });
    const page = await openSignedInPage(app.url, { width: 360, dark: true });
    await page.click('#views [data-view="why"]');
    const details = page.locator("#trail .technical");
    expect(await details.locator("dl").isVisible()).toBe(false);
    expect(await page.textContent("#trail .event")).toBe("The plan of Thot cannot be completed: “<b>no</b>”");
    expect(await page.textContent("#trail .rule")).toBe("This is always sent, because Groundcrew waits for a person.");
    await details.locator("summary").press("Enter");
    expect(await details.locator("dl").innerText()).toMatch(/plan_failed\s[\s\S]*webhook\s[\s\S]*webhook-1/);
    const { store } = app;
    await store.commit({
      put: [{ key: telegramDeliveryKey("later"), value: { in: 1, record: "message:0", notice: 1, muted: true } }],
    });
    app.plane.addItem(app.project, { name: "News" });
    await page.waitForSelector('#trail .fate[data-is="muted"]', WAIT);
    expect(await page.isVisible("#trail tr:has(.fate) .technical dl")).toBe(true);
    expect(await page.evaluate("document.activeElement.tagName")).toBe("SUMMARY");
    expect(await page.evaluate(FIND_SMALL_TARGETS)).toEqual([]);
    expect(await page.evaluate(FIND_LOW_CONTRAST)).toEqual([]);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(360);
    expect(page.problems).toEqual([]);
  });

  test("leads to an entry's message in the chat, also when the chat has many newer ones, and says when it is gone", async () => {
    const app = await startPageTestApp();
    const addMessage = (n: number, text: string) => {
      const at = Date.now() - DAY + n * MINUTE;
      const key = chatMessageKey(4711, n, at);
      const message = {
        chat: "4711",
        messageId: n,
        at,
        repeat: false,
        text,
        entities: [],
        history: [[1, at]] as [number, number][],
      };
      return { key, put: createChatMessagePut(key, message) };
    };
    const oldest = addMessage(1, "The oldest message");
    await app.store.commit({
      put: [oldest.put, ...Array.from({ length: 80 }, (_, i) => addMessage(i + 2, `Message ${i}`).put)],
    });
    for (const [job, record, kind] of [
      ["old", oldest.key, "completed"],
      ["lost", chatMessageKey(4711, 999, 1), "created"],
    ] as const) {
      await app.store.commit({ put: [{ key: telegramDeliveryKey(job), value: { in: 1, record, notice: 1 } }] });
      const asked = [{ rule: "notifications[0]", target: "telegram:4711", queue: "outbox" as const, job }];
      await addEntry(app, { event: { kind }, actions: asked });
    }
    const page = await openSignedInPage(app.url);
    await expect.poll(() => page.locator(".message").count(), WAIT).toBe(60);
    const entry = page.locator('#trail tr:has(.event[data-event="completed"])');
    await entry.getByRole("button", { name: "Show in Chat ONB-1" }).press("Enter");
    await expect.poll(() => page.evaluate("document.activeElement.textContent"), WAIT).toContain("The oldest message");
    app.plane.addItem(app.project, { name: "News" });
    await page.waitForSelector('#trail tr:has-text("News")', WAIT);
    expect(await page.locator(".message", { hasText: "The oldest message" }).count()).toBe(1);
    await app.store.commit({ put: [{ key: oldest.key, value: undefined }] });
    await entry.getByRole("button", { name: "Show in Chat ONB-1" }).press("Enter");
    await page.waitForSelector("#chat .trouble:has-text('no longer kept')");
    expect(page.problems).toEqual([]);
  });
});

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
  test.runIf(IS_FULL_RUN)("works in more tabs than a browser has connections: hidden tabs close theirs", async () => {
    const app = await startPageTestApp();
    const first = await openSignedInPage(app.url);
    const away = `Object.defineProperty(document, "hidden", { value: true, configurable: true }); document.dispatchEvent(new Event("visibilitychange"))`;
    await first.evaluate(away);
    for (let i = 0; i < 6; i += 1) {
      const page = await first.context().newPage();
      await page.goto(`${app.url}/board`);
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
    await page.waitForSelector("#trail .problem:has-text('Groundcrew is not responding')");
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
