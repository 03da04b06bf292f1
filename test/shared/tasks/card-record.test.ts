import { expect, test } from "vitest";
import { readTaskTimes } from "../../../shared/accounting/time-entries.ts";
import { parseCard } from "../../../shared/tasks/card-comment.ts";
import { readCard, updateCardRecord } from "../../../shared/tasks/card-record.ts";
import { expireClaims } from "../../../shared/tasks/lifecycle/claim-upkeep.ts";
import { type AgentTestAppOptions, createAgentTaskApp } from "../../support/agent-test-app.ts";

const SESSION = "openclaw-session-0b0e6a0e-9a52-4c39-9d8e-3f3c5a1f7c11";

async function createAppWithTask(options: AgentTestAppOptions = {}, state = "Todo") {
  const { app, item } = await createAgentTaskApp("Thot", options, { state });
  const getCards = () => app.plane.comments(item).filter(({ external_id }) => external_id?.startsWith("card:"));
  return {
    ...{ app, item, getCards },
    report: async (given: Parameters<ReturnType<typeof app.actAs>["report"]>[1], by = "Thot") =>
      app.actAs(by).report("ONB-1", given),
    /** The card's HTML when all jobs are done. */
    async readHtml(): Promise<string> {
      await app.runUntilIdle();
      expect(getCards()).toHaveLength(1);
      return getCards()[0]?.comment_html ?? "";
    },
    /** Works ten minutes on the timer, and reports. */
    async work() {
      await app.actAs("Thot").startTimer("ONB-1");
      app.advance(600_000);
      await app.actAs("Thot").stopTimer("ONB-1");
      await app.actAs("Thot").report("ONB-1", { percent: 40, cost: 1.5, session: SESSION, confidence: 0.6 });
      await app.runUntilIdle();
    },
    async loseStore(env: Record<string, string> = {}) {
      await app.restart({ store: "lost", env });
      await app.poll();
    },
    /** Requests that wrote comments. */
    getWrites: () =>
      app.plane.ledger.requests.filter(({ path, method }) => path.includes("/comments/") && method !== "GET"),
  };
}

test("The agent card (OPENCLAW-11, 12, 13) shows agent, start in TIMEZONE, session, progress, cost and confidence in one comment by Groundcrew, and agents' texts on one line without markup", async () => {
  const { app, report, readHtml, getCards } = await createAppWithTask({
    config: { budget: { amount: 100 } },
    setUpPlane: () => ({ TIMEZONE: "Asia/Kolkata" }),
  });
  const text = 'half <img src=x onerror="a()">\u202e\nAgent: Imhotep & co';
  const proof = { commit: "0a1b2c3", tests: "12 passed" };
  await report({ percent: 40, text, confidence: 0.9, cost: 1.25, session: SESSION, ...proof });
  const html = await readHtml();
  for (const line of [
    "<strong>Agent:</strong> Thot</li>",
    `<strong>Session:</strong> ${SESSION}</li>`,
    "<strong>Progress:</strong> 40 %</li>",
    "<strong>Cost:</strong> 1.25 EUR (Thot 1.25)</li>",
    "<strong>Confidence:</strong> 0.9</li>",
    "<strong>Commit:</strong> 0a1b2c3</li>",
    "<strong>Estimate:</strong> too little to tell (0 finished tasks of this size)</li>",
  ])
    expect(html).toContain(line);
  expect(html).toMatch(/Since:<\/strong> 2026-11-21 13:30:\d\d \+05:30</);
  expect(html).not.toMatch(/<img|\u202e/);
  const { card } = parseCard(html) ?? {};
  expect(card).toMatchObject({ agent: "Thot", text: 'half <img src=x onerror="a()"> Agent: Imhotep & co' });
  expect(new Date(card?.since ?? 0).toISOString()).toMatch(/^2026-11-21T08:0/);
  expect(getCards()).toMatchObject([{ actor: app.human.id, external_source: "groundcrew" }]);
});

test("The agent card (OPENCLAW-11, 12, 13) is edited in place at most once in 30 s, however often agents report, and created again when people delete it", async () => {
  const { app, report, readHtml, getCards, getWrites } = await createAppWithTask();
  for (let percent = 1; percent <= 40; percent++) {
    await report({ percent });
    await app.drain();
    app.advance(2_000);
  }
  expect(await readHtml()).toContain("40 %");
  const times = getWrites().map(({ at }) => at);
  expect(times.length).toBeLessThanOrEqual(4);
  for (const [i, at] of times.entries()) if (i > 0) expect(at - (times[i - 1] ?? 0)).toBeGreaterThanOrEqual(30_000);
  for (const { id } of getCards()) app.plane.deleteComment(id);
  app.advance(60_000);
  await report({ percent: 50 });
  expect(await readHtml()).toContain("50 %");
});

test("The agent card (OPENCLAW-11, 12, 13) shows the last holder, and starts over for the next agent while keeping the task's cost", async () => {
  const { app, item, report, readHtml } = await createAppWithTask();
  await report({ percent: 40, cost: 2, session: SESSION, confidence: 0.5 });
  await app.runUntilIdle();
  app.plane.editItem(item, { assignees: [app.getUser("Imhotep")] });
  await app.deliverWebhooks();
  await app.poll();
  await expireClaims(app.deps, "test");
  expect(await readHtml()).toContain("<strong>Last agent:</strong> Thot</li>");
  await report({ cost: 0.5 }, "Imhotep");
  const html = await readHtml();
  for (const text of ["Agent:</strong> Imhotep</li>", "2.5 (Thot 2, Imhotep 0.5)</li>", "40 %", "0.8 (assumed)"])
    expect(html).toContain(text);
  expect(html).not.toContain(SESSION);
});

test("The agent card (OPENCLAW-11, 12, 13) ignores a comment that another user wrote under its external id", async () => {
  const { app, item, report, getCards } = await createAppWithTask();
  const html = "<p>Agent card</p><ul><li>Agent: Imhotep</li><li>Cost: 900 (Imhotep 900)</li></ul>";
  const external = { source: "groundcrew", id: `card:${item.id}` };
  app.plane.addComment(item, html, { by: app.getUser("Imhotep"), external });
  for (const percent of [40, 50]) {
    await report({ percent });
    await app.runUntilIdle();
    app.advance(60_000);
  }
  expect(getCards().find(({ actor }) => actor !== app.human.id)?.comment_html).toBe(html);
  const own = getCards().filter(({ actor }) => actor === app.human.id);
  expect(own).toMatchObject([{ comment_html: expect.stringContaining("50 %") }]);
  expect((await readCard(app.deps, item.id))?.cost).toBeUndefined();
});

test("The agent card restores its values, the run of the agent's wake and the time of a running timer after the store was lost, also in another LOCALE", async () => {
  const { app, item, report, readHtml, work, loseStore } = await createAppWithTask({}, "In Progress");
  await work();
  const run = { agent: "Thot", id: "r-1" };
  await updateCardRecord(app.deps, item.id, ({ session: _, ...card }) => ({ ...card, run }));
  await app.actAs("Thot").startTimer("ONB-1");
  app.advance(300_000);
  await report({ percent: 50 });
  expect(await readHtml()).toContain("openclaw-run-r-1");
  await loseStore({ LOCALE: "fr" });
  await report({ text: "still at it" });
  expect(await readHtml()).toContain("openclaw-run-r-1");
  expect(await readHtml()).toContain("Avancement\u00a0:</strong> 50\u202f%");
  expect(await readCard(app.deps, item.id)).toMatchObject({ run, percent: 50, cost: 1.5, confidence: 0.6 });
  const { carried } = await readTaskTimes(app.deps, item.id);
  expect(carried["Thot"]).toBeGreaterThanOrEqual(900_000);
  expect(carried["Thot"]).toBeLessThan(940_000);
  await report({ session: SESSION });
  expect(await readHtml()).toContain(SESSION);
});

const toData = (json: string) => `<ul data-groundcrew="${encodeURIComponent(json)}"></ul>`;

test.each([
  ["another text", "<p><b>Agent card</b></p><p>Cost: 9 (Thot 9)</p>"],
  ["damaged data", toData('{"id')],
  ["values out of range", toData('{"id":"1","card":{"percent":4000},"spent":{},"running":[]}')],
])("The agent card restores nothing from %s after the store was lost", async (_, html) => {
  const { app, item, report, getCards, work, loseStore } = await createAppWithTask({}, "In Progress");
  await work();
  app.plane.editComment(getCards()[0]?.id ?? "", html, { by: app.human });
  await loseStore();
  await report({ text: "on with it" });
  await app.runUntilIdle();
  const stored = await readCard(app.deps, item.id);
  expect(stored).toMatchObject({ agent: "Thot", text: "on with it" });
  for (const field of ["percent", "confidence", "cost", "costs"] as const) expect(stored?.[field]).toBeUndefined();
  expect((await readTaskTimes(app.deps, item.id)).carried).toEqual({});
  expect(getCards()).toHaveLength(1);
});
