import { afterAll, describe, expect, test } from "vitest";
import { createDecisionPut, type DecisionRecord } from "../../shared/records/decision-log.ts";
import { type CardRecord, toCardPut } from "../../shared/tasks/card-record.ts";
import { wakeKeys } from "../../shared/tasks/wakes.ts";
import { chatMessageKey, createChatMessagePut, telegramDeliveryKey } from "../../shared/telegram/message-log.ts";
import { DAY, MINUTE } from "../../shared/time.ts";
import { FIND_LOW_CONTRAST, FIND_SMALL_TARGETS } from "./accessibility-checks.ts";
import { closeSharedBrowser, hasChromium } from "./browser.ts";
import { openSignedInPage, startPageTestApp } from "./page-test-app.ts";

afterAll(closeSharedBrowser);

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

  test("shows the session of the agent above the activity of a task", async () => {
    const app = await startPageTestApp();
    const card: CardRecord = { agent: "Thot", run: { agent: "Thot", id: "eb49fe39" } };
    await app.store.commit({ put: [toCardPut("one", card)] });
    await addEntry(app, { event: { kind: "completed" } });
    const page = await openSignedInPage(app.url, { width: 360 });
    await page.click('#views [data-view="why"]');
    expect(await page.isVisible("#why-session")).toBe(false);
    await page.click("#trail .key");
    await page.waitForSelector("#why-session:not([hidden])", WAIT);
    expect(await page.textContent("#why-session")).toBe("Session of the agent: openclaw-run-eb49fe39");
    expect(await page.evaluate(FIND_LOW_CONTRAST)).toEqual([]);
    await page.click("#why-of .chip");
    await page.waitForSelector("#why-session", { ...WAIT, state: "hidden" });
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
