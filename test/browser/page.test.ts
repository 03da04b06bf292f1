import { expect, test } from "vitest";
import { createDecisionPut, type DecisionRecord } from "../../shared/records/decision-log.ts";
import { wakeKeys } from "../../shared/tasks/wakes.ts";
import { chatMessageKey, createChatMessagePut, telegramDeliveryKey } from "../../shared/telegram/message-log.ts";
import { DAY, MINUTE } from "../../shared/time.ts";
import { FIND_SMALL_TARGETS, findViolations } from "./accessibility-checks.ts";
import { describeInChromium } from "./browser.ts";
import {
  expectInPage,
  openSignedInPage,
  type PageTestApp,
  runPageApp,
  shareApp,
  startPageTestApp,
  WAIT,
} from "./page-test-app.ts";

const toCard = (name: string, text: string) => `[data-column="${name}"] .card:has-text("${text}")`;

describeInChromium("The board and its activity", () => {
  const getApp = shareApp(() => runPageApp());

  test("show a change in two browsers without a reload, in the chat too, and on its card who holds a task and what they have not read; its button stops the work (PEOPLE-02)", async () => {
    const { plane, project, thot, url, actAsThot } = getApp();
    const [one, two] = [
      await openSignedInPage(url, { motion: true }),
      await openSignedInPage(url, { locale: "fr-FR" }),
    ];
    const patch = { priority: "urgent", assignees: [thot], target_date: "2020-01-02" } as const;
    const item = plane.addItem(project, { name: "Write the guide", ...patch });
    const card = toCard("todo", "Write the guide");
    for (const page of [one, two]) await page.waitForSelector(card, WAIT);
    expect(await one.textContent(card)).toMatch(/ONB-1.*Urgent.*overdue.*Thot/);
    expect(await two.textContent(card)).toMatch(/Urgent.*en retard/);

    await actAsThot().claim("ONB-1");
    await one.waitForSelector(`${card} .held:has-text("claimed by Thot until")`, WAIT);
    await two.waitForSelector(".held:has-text('réservée par Thot jusqu’à')", WAIT);
    plane.addComment(item, "<p>Use blue</p>");
    await one.waitForSelector(".card .waits:has-text('1 not read by its agent')", WAIT);
    one.once("dialog", (dialog) => {
      expect(dialog.message()).toBe("Stop the work of Thot on ONB-1?");
      void dialog.accept();
    });
    await one.getByRole("button", { name: "Stop the work of Thot on ONB-1" }).press("Enter");
    await one.waitForSelector(".card .held", { state: "detached", ...WAIT });
    await expect(actAsThot().report("ONB-1", { text: "x" })).rejects.toMatchObject({ code: "stopped" });

    plane.editItem(item, { state: "Done" });
    for (const page of [one, two]) await page.waitForSelector(toCard("done", "Write the guide"), WAIT);
    await one.waitForSelector('tr:has-text("completed") .fate[data-is="delivered"]', WAIT);
    await one.waitForSelector('.message strong:has-text("Completed")');
    const link = `${plane.url}/${plane.workspace.slug}/browse/ONB-1/`;
    expect(await one.locator('.message a:has-text("ONB-1")').last().getAttribute("href")).toBe(link);
    await two.waitForSelector('tr:has-text("terminée")');
    expect([...one.problems, ...two.problems]).toEqual([]);
  });

  test("show a card's own activity by keyboard, keep the focus where things are redrawn, and Esc goes back", async () => {
    const { plane, project, url } = getApp();
    const page = await openSignedInPage(url);
    plane.addItem(project, { name: "First" });
    plane.addItem(project, { name: "Second", priority: "low" });
    const third = plane.addItem(project, { name: "Third", state: "In Progress" });
    await page.waitForSelector(toCard("in_progress", "Third"), WAIT);
    await page.waitForSelector('tr:has-text("Second")');
    await page.focus(`${toCard("todo", "Second")} button`);
    await page.keyboard.press("ArrowDown");
    expect(await page.evaluate("document.activeElement.textContent")).toContain("First");
    await page.keyboard.press("ArrowRight");
    expect(await page.evaluate("document.activeElement.textContent")).toContain("Third");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#why-of .chip:has-text('ONB-4')");
    await expectInPage(page, "document.querySelector('#trail').textContent.includes('Second')").toBe(false);
    await page.focus("#why-of .chip");
    plane.editItem(third, { priority: "high" });
    await page.waitForSelector('#trail tr:has-text("The priority was changed: No priority → High")', WAIT);
    expect(await page.evaluate("document.activeElement.className")).toContain("chip");
    await page.keyboard.press("Escape");
    await page.waitForSelector('#trail tr:has-text("Second")');
    expect(await page.evaluate("document.activeElement.textContent")).toContain("Third");
    expect(page.problems).toEqual([]);
  });

  test("a screen reader announces only new events, and groups those that arrive in quick succession", async () => {
    const { plane, project, url } = getApp();
    plane.addItem(project, { name: "Before" });
    const page = await openSignedInPage(url);
    await page.waitForSelector('tr:has-text("Before")', WAIT);
    await page.evaluate(
      `window.said = []; new MutationObserver(() => said.push(news.textContent)).observe(news, { childList: true })`,
    );
    for (let i = 0; i < 4; i += 1) {
      plane.addItem(project, { name: `Quick ${i}` });
      await page.waitForSelector(`tr:has-text("Quick ${i}")`, WAIT);
    }
    await expectInPage(page, "said.length").toBe(2);
    expect(await page.evaluate("said[1]")).toMatch(/^3 new events\. Latest: ONB-\d+: This task was created/);
    expect(await page.getAttribute("#messages", "aria-live")).toBe("polite");
  });

  test("say on every view what is broken, with what to do, until it is over; a lost connection loses no change", async () => {
    const app = getApp();
    const page = await openSignedInPage(app.url);
    const repair = app.plane.faults.add({ path: /\/projects\/$/ }, { kind: "status", status: 404 });
    await page.waitForSelector("#notices p:has-text('Polls of Plane have failed'):has-text('npm run doctor')", WAIT);
    for (const view of ["team", "tickets", "board"]) {
      await page.click(`header [data-view="${view}"]`);
      expect(await page.isVisible("#notices p"), view).toBe(true);
    }
    repair();
    await page.waitForSelector("#notices:not(:has(p))", { ...WAIT, state: "attached" });
    await app.stop();
    await page.waitForSelector("#lost:not([hidden]):has-text('Connection lost')");
    app.plane.addItem(app.project, { name: "Came while nobody was there" });
    await app.restart();
    await page.waitForSelector('#live[data-is="on"]', WAIT);
    expect(await page.isVisible("#lost")).toBe(false);
    await page.waitForSelector(toCard("todo", "Came while nobody was there"), WAIT);
  });
});

/** Stores an entry about ONB-1, as the product does for an event. */
async function addEntry(app: PageTestApp, entry: Pick<DecisionRecord, "event"> & Partial<DecisionRecord>) {
  const record: DecisionRecord = {
    ...{ at: Date.now(), record: `item:${entry.event.kind}`, rev: 1, via: "webhook", correlation: "webhook-1" },
    project: { identifier: "ONB", name: "Onboarding" },
    item: { id: "one", key: "ONB-1", title: "Write the guide", url: app.plane.url },
    actions: [],
    skipped: [],
    ...entry,
  };
  await app.store.commit({ put: [createDecisionPut(record)] });
}

const toAction = (rule: string, job: string, target = "telegram:4711", queue: "outbox" | "wake" = "outbox") => [
  { rule, target, queue, job },
];

describeInChromium("The activity", () => {
  test("says in sentences what happened, what Groundcrew did and which rule decided, in English and French, with technical details folded", async () => {
    const app = await startPageTestApp();
    await app.store.commit({ put: [{ key: wakeKeys.addedJob("wake-job"), value: true }] });
    await addEntry(app, {
      event: { kind: "assigned", who: "nobody-known" },
      actor: { name: "Ada", isAgent: false },
      actions: toAction("wake on assigned", "wake-job", "wake:Thot", "wake"),
      skipped: [{ consumer: "telegram", why: "no_rule" }],
    });
    await addEntry(app, {
      event: { kind: "claim_lost", agent: "Thot", why: "expired", since: "2026-11-21T08:00:00Z", minutes: 20 },
      actions: toAction("trouble", "waits"),
    });
    const page = await openSignedInPage(app.url, { dark: true });
    const row = (kind: string) => page.locator(`#trail tr:has(.event[data-event="${kind}"])`);
    const readCell = async (kind: string, cell: string) =>
      (await row(kind).locator(cell).allInnerTexts()).join(" ").replace(/\s+/g, " ").trim();
    expect(await readCell("assigned", ".what")).toBe("ONB-1 Write the guide This task was assigned to someone by Ada.");
    expect(await readCell("assigned", ".line")).toBe(
      "Thot was woken. Agents are always woken about work that concerns them. No message: no notification rule covers this.",
    );
    const lost = "Thot lost its claim on this task: it made no call for 20 minutes.";
    expect(await readCell("claim_lost", ".event")).toBe(lost);
    expect(await readCell("claim_lost", ".line")).toBe(
      "A message to chat 4711 waits to be sent. Rule: “problems”, one of the default notification rules.",
    );

    // Details are opened with the keyboard, and stay open when the entry changes.
    const details = row("claim_lost").locator(".technical");
    expect(await details.locator("dl").isVisible()).toBe(false);
    await details.locator("summary").press("Enter");
    expect(await details.locator("dl").innerText()).toMatch(/claim_lost\s[\s\S]*webhook\s[\s\S]*webhook-1/);
    const delivery = { in: 1, record: "message:0", notice: 1, muted: true };
    await app.store.commit({ put: [{ key: telegramDeliveryKey("waits"), value: delivery }] });
    app.plane.addItem(app.project, { name: "News" });
    await page.waitForSelector('#trail .fate[data-is="muted"]', WAIT);
    expect(await details.locator("dl").isVisible()).toBe(true);
    expect(await page.evaluate("document.activeElement.tagName")).toBe("SUMMARY");
    expect(await page.evaluate(FIND_SMALL_TARGETS)).toEqual([]);
    expect(await findViolations(page)).toEqual([]);

    await page.selectOption("#language", "fr");
    await page.waitForSelector("th:has-text('Ce qui s’est passé')");
    expect(await readCell("assigned", ".event")).toBe("Cette tâche a été attribuée à quelqu’un par Ada.");
    expect(page.problems).toEqual([]);
  });

  test("leads to an entry's message in the chat, also when the chat has many newer ones", async () => {
    const app = await startPageTestApp();
    const puts = Array.from({ length: 80 }, (_, n) => {
      const at = Date.now() - DAY + n * MINUTE;
      const key = chatMessageKey(4711, n, at);
      const history: [number, number][] = [[1, at]];
      const text = n === 0 ? "The oldest message" : `Message ${n}`;
      const message = { chat: "4711", messageId: n, at, repeat: false, text, entities: [], history };
      return createChatMessagePut(key, message);
    });
    const oldest = puts[0]?.key ?? "";
    const delivery = { in: 1, record: oldest, notice: 1 };
    await app.store.commit({ put: [...puts, { key: telegramDeliveryKey("old"), value: delivery }] });
    await addEntry(app, { event: { kind: "completed" }, actions: toAction("notifications[0]", "old") });
    const page = await openSignedInPage(app.url);
    await expect.poll(() => page.locator(".message").count(), WAIT).toBe(60);
    const entry = page.locator('#trail tr:has(.event[data-event="completed"])');
    await entry.getByRole("button", { name: "Show in Chat ONB-1" }).press("Enter");
    await expectInPage(page, "document.activeElement.textContent").toContain("The oldest message");
    await app.store.commit({ put: [{ key: oldest, value: undefined }] });
    await entry.getByRole("button", { name: "Show in Chat ONB-1" }).press("Enter");
    await page.waitForSelector("#chat .trouble:has-text('no longer kept')");
    expect(page.problems).toEqual([]);
  });
});
