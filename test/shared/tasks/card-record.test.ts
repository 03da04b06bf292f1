import { expect, test } from "vitest";
import { parseCard } from "../../../shared/tasks/card-comment.ts";
import { readCard } from "../../../shared/tasks/card-record.ts";
import { expireClaims } from "../../../shared/tasks/lifecycle/claim-upkeep.ts";
import type { Item } from "../../../simulators/plane/types.ts";
import { type AgentTestApp, createAgentTestApp } from "../../support/agent-test-app.ts";

const SESSION = "openclaw-session-0b0e6a0e-9a52-4c39-9d8e-3f3c5a1f7c11";

const isCard = ({ external_id }: { external_id: string | null }) => external_id?.startsWith("card:");

function getCards(app: AgentTestApp, item: Item) {
  return app.plane.comments(item).filter(isCard);
}

async function getCardHtml(app: AgentTestApp, item: Item): Promise<string> {
  await app.runUntilIdle();
  const found = getCards(app, item);
  expect(found).toHaveLength(1);
  return found[0]?.comment_html ?? "";
}

/** Requests that wrote comments, by method. */
function getCommentWrites(app: AgentTestApp) {
  return app.plane.ledger.requests.filter(({ path, method }) => path.includes("/comments/") && method !== "GET");
}

async function createAppWithTask(options: Parameters<typeof createAgentTestApp>[0] = {}) {
  const app = await createAgentTestApp(options);
  const item = app.addTask("Write it down", "Thot");
  await app.runFirstPoll();
  return { app, item };
}

/** Creates an app whose task is claimed, and whose agent card a webhook and a poll have reported. */
async function createAppWithObservedCard() {
  const { app } = await createAppWithTask();
  await app.actAs("Thot").claim("ONB-1");
  await app.runUntilIdle();
  await app.deliverWebhooks();
  await app.poll();
  await app.runUntilIdle();
  return app;
}

test("The agent card (OPENCLAW-11, 12, 13) shows agent, start, session, progress, cost and confidence in one comment by Groundcrew, and agents' texts on one line without markup", async () => {
  const { app, item } = await createAppWithTask({ config: { budget: { amount: 100 } } });
  await app.actAs("Thot").report("ONB-1", {
    percent: 40,
    text: 'half <img src=x onerror="a()">\u202e\nAgent: Imhotep & co',
    confidence: 0.9,
    cost: 1.25,
    session: SESSION,
    commit: "0a1b2c3",
    tests: "12 passed",
  });
  const html = await getCardHtml(app, item);
  expect(html).toContain("<strong>Agent:</strong> Thot</li>");
  expect(html).toContain("<strong>Since:</strong> 2026-11-21 08:00:");
  expect(html).toContain(`<strong>Session:</strong> ${SESSION}</li>`);
  expect(html).toContain("<strong>Progress:</strong> 40 %</li>");
  expect(html).toContain("<strong>Cost:</strong> 1.25 EUR (Thot 1.25)</li>");
  expect(html).toContain("<strong>Confidence:</strong> 0.9</li>");
  expect(html).toContain("<strong>Commit:</strong> 0a1b2c3</li>");
  expect(html).toContain("<strong>Estimate:</strong> too little to tell (0 finished tasks of this size)</li>");
  expect(html).not.toMatch(/<img|\u202e/);
  expect(parseCard(html)?.card).toMatchObject({
    agent: "Thot",
    text: 'half <img src=x onerror="a()"> Agent: Imhotep & co',
  });
  expect(getCards(app, item)[0]).toMatchObject({ actor: app.human.id, external_source: "groundcrew" });
});

test("The agent card (OPENCLAW-11, 12, 13) is edited in place at most once in 30 s, however often agents report", async () => {
  const { app, item } = await createAppWithTask();
  for (let percent = 1; percent <= 40; percent++) {
    await app.actAs("Thot").report("ONB-1", { percent });
    await app.drain();
    app.advance(2_000);
  }
  expect(await getCardHtml(app, item)).toContain("40 %");
  const times = getCommentWrites(app).map(({ at }) => at);
  expect(times.length).toBeLessThanOrEqual(4);
  for (const [i, at] of times.entries()) if (i > 0) expect(at - (times[i - 1] ?? 0)).toBeGreaterThanOrEqual(30_000);
});

test("The agent card (OPENCLAW-11, 12, 13) is created again when people delete it", async () => {
  const { app, item } = await createAppWithTask();
  await app.actAs("Thot").report("ONB-1", { percent: 40 });
  await app.runUntilIdle();
  for (const { id } of getCards(app, item)) app.plane.deleteComment(id);
  app.advance(60_000);
  await app.actAs("Thot").report("ONB-1", { percent: 50 });
  expect(await getCardHtml(app, item)).toContain("50 %");
});

test("The agent card (OPENCLAW-11, 12, 13) causes no notification, no further edits and no read of comments when it is edited (rule 8)", async () => {
  const app = await createAppWithObservedCard();
  app.takeEvents();
  await app.actAs("Thot").report("ONB-1", { percent: 40 });
  await app.runUntilIdle();
  const written = getCommentWrites(app).length;
  expect(await app.recordRequests(() => app.deliverWebhooks())).toEqual([]);
  for (let i = 0; i < 3; i++) {
    await app.deliverWebhooks();
    await app.poll();
    await app.runUntilIdle();
    app.advance(60_000);
  }
  expect(app.takeEvents()).toEqual([]);
  expect(getCommentWrites(app)).toHaveLength(written);
});

test("The agent card (OPENCLAW-11, 12, 13) shows the last holder, and starts over for the next agent while keeping the task's cost", async () => {
  const { app, item } = await createAppWithTask();
  await app.actAs("Thot").report("ONB-1", { percent: 40, cost: 2, session: SESSION, confidence: 0.5 });
  await app.runUntilIdle();
  app.plane.editItem(item, { assignees: [app.getUser("Imhotep")] });
  await app.deliverWebhooks();
  await app.poll();
  await expireClaims(app.deps, "test");
  await app.runUntilIdle();
  expect(await getCardHtml(app, item)).toContain("<strong>Last agent:</strong> Thot</li>");
  await app.actAs("Imhotep").report("ONB-1", { cost: 0.5 });
  const html = await getCardHtml(app, item);
  expect(html).toContain("<strong>Agent:</strong> Imhotep</li>");
  expect(html).toContain("<strong>Cost:</strong> 2.5 (Thot 2, Imhotep 0.5)</li>");
  expect(html).toContain("40 %");
  expect(html).not.toContain(SESSION);
  expect(html).toContain("0.8 (assumed)");
});

test("The agent card (OPENCLAW-11, 12, 13) ignores a comment that another user wrote under its external id", async () => {
  const { app, item } = await createAppWithTask();
  const html = "<p>Agent card</p><ul><li>Agent: Imhotep</li><li>Cost: 900 (Imhotep 900)</li></ul>";
  const external = { source: "groundcrew", id: `card:${item.id}` };
  app.plane.addComment(item, html, { by: app.getUser("Imhotep"), external });
  await app.actAs("Thot").report("ONB-1", { percent: 40 });
  await app.runUntilIdle();
  const forged = getCards(app, item).find(({ actor }) => actor !== app.human.id);
  const own = getCards(app, item).filter(({ actor }) => actor === app.human.id);
  expect(forged?.comment_html).toBe(html);
  expect(own).toHaveLength(1);
  expect(own[0]?.comment_html).toContain("40 %");
  expect((await readCard(app.deps, item.id))?.cost).toBeUndefined();
  app.advance(60_000);
  await app.actAs("Thot").report("ONB-1", { percent: 50 });
  await app.runUntilIdle();
  expect(getCards(app, item)).toHaveLength(2);
});
