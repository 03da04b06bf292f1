import { expect, test } from "vitest";
import { createDecisionPut, type DecisionRecord } from "../../shared/records/decision-log.ts";
import { wakeKeys } from "../../shared/tasks/wakes.ts";
import { chatMessageKey, createChatMessagePut, telegramDeliveryKey } from "../../shared/telegram/message-log.ts";
import { DAY, MINUTE } from "../../shared/time.ts";
import { FIND_SMALL_TARGETS, findViolations } from "./accessibility-checks.ts";
import { describeInChromium, type TestPage } from "./browser.ts";
import {
  askQuestion,
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
  });

  test("leads to an entry's message in the chat, also when the chat has many newer ones", async () => {
    const app = await startPageTestApp();
    const puts = Array.from({ length: 80 }, (_, n) => {
      const at = Date.now() - DAY + n * MINUTE;
      const text = n === 0 ? "The oldest message" : `Message ${n}`;
      const message = { chat: "4711", messageId: n, at, repeat: false, text, entities: [], history: [] };
      return createChatMessagePut(chatMessageKey(4711, n, at), message);
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
  });
});

const FOCUSED = "document.activeElement";

async function sendChatMessage(page: TestPage, text: string) {
  await page.fill("#say-text", text);
  await page.press("#say-text", "Enter");
}

const answerSelector = (text: string) => `.message:not(.mine):has-text("${text}")`;

describeInChromium("The page's chat", () => {
  const getApp = shareApp(() => runPageApp({ TELEGRAM_ALLOWED_USERS: "4711" }));

  test("sends a command by keyboard and shows it with its reply, in Telegram too; a button replaces a question by its answer", async () => {
    const { telegram, plane, project, url } = getApp();
    for (const name of ["Mail to <b>Ada</b>", "Mail to Bob"]) plane.addItem(project, { name });
    const page = await openSignedInPage(url);
    await page.waitForSelector("#say:not([hidden])");
    await page.waitForSelector('.card:has-text("Mail to Bob")', WAIT);
    await sendChatMessage(page, "/plane status");
    await page.waitForSelector(answerSelector("Onboarding (ONB)"), WAIT);
    expect(await page.textContent(".message.mine .text")).toBe("/plane status");
    expect(await page.inputValue("#say-text")).toBe("");
    expect(await page.evaluate(`${FOCUSED}.id`)).toBe("say-text");
    expect(telegram.chat(4711).messages.filter(({ text }) => text.includes("Onboarding"))).not.toEqual([]);
    await sendChatMessage(page, "/plane task mail");
    await page.locator(".message .row button", { hasText: "Mail to <b>Ada</b>" }).press("Enter");
    await page.waitForSelector(answerSelector("Mail to <b>Ada</b>"), WAIT);
    await expect.poll(() => page.locator(".message .row button").count(), WAIT).toBe(0);
    expect(await page.evaluate("document.querySelectorAll('#messages b').length")).toBe(0);
  });

  test("answers an agent's question with a button, whose message keeps the focus, and with a reply in one's own words", async () => {
    const app = getApp();
    const page = await openSignedInPage(app.url);
    await askQuestion(app, "Letter", "Formal or friendly?", ["Formal", "Friendly"]);
    await page.press('.row button:has-text("Friendly")', "Enter", WAIT);
    // The press is answered in a message of its own; then the question is edited, and its buttons go.
    const readFocused = () => page.evaluate(`${FOCUSED}.closest(".message")?.textContent`);
    await expect.poll(readFocused, WAIT).toMatch(/^❓.*Question from Thot[\s\S]*Answered by admin/);

    const key = await askQuestion(app, "Note", "Long or short?", []);
    await page.press('.message:has-text("Long or short?") .reply', "Enter", WAIT);
    expect(await page.evaluate(`${FOCUSED}.id`)).toBe("say-text");
    await page.waitForSelector(`#say-to .chip:has-text('Question from Thot: ${key} Note”')`);
    await page.keyboard.press("Escape");
    expect(await page.isVisible("#say-to")).toBe(false);
    await page.press('.message:has-text("Long or short?") .reply', "Enter");
    await page.keyboard.type("Warm, but short");
    await page.keyboard.press("Enter");
    await page.waitForSelector('.message:has-text("Answered by admin"):has-text("Warm, but short")', WAIT);
    expect(await page.isVisible("#say-to")).toBe(false);
    await page.waitForSelector('tr:has-text("admin answered the question of Thot: “Warm, but short”")', WAIT);
  });

  test("on a French phone its controls have names, and it opens at its end", async () => {
    const page = await openSignedInPage(getApp().url, { locale: "fr-FR", width: 375, height: 420 });
    await page.click('#views [data-view="chat"]');
    await page.waitForSelector("#say:not([hidden])");
    expect(await page.getByRole("textbox", { name: "Message à Groundcrew" }).count()).toBe(1);
    expect(await page.getByRole("button", { name: "Envoyer" }).count()).toBe(1);
    for (let i = 0; i < 2; i += 1) {
      await sendChatMessage(page, "/plane aide");
      await expect.poll(() => page.locator(answerSelector("Commandes")).count(), WAIT).toBe(i + 1);
    }
    await expectInPage(page, "document.documentElement.scrollHeight > 2 * innerHeight").toBe(true);
    for (const view of ["board", "chat"]) await page.click(`#views [data-view="${view}"]`);
    await expectInPage(page, "innerHeight + scrollY >= document.documentElement.scrollHeight - 1").toBe(true);
  });
});
