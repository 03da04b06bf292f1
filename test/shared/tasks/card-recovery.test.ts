import { expect, test } from "vitest";
import { createTaskOperations } from "../../../functions/agent/tool.ts";
import { readTaskTimes } from "../../../shared/accounting/time-entries.ts";
import { writeCard } from "../../../shared/tasks/card-comment.ts";
import { readCard, updateCardRecord } from "../../../shared/tasks/card-record.ts";
import { createAgentTestApp } from "../../support/agent-test-app.ts";
import { crashAfterChange } from "../../support/crash-after-change.ts";

const SESSION = "openclaw-session-0b0e6a0e-9a52-4c39-9d8e-3f3c5a1f7c11";

async function createAppWithCard() {
  const app = await createAgentTestApp({ config: { budget: { amount: 100 } } });
  const item = app.addTask("Write it down", "Thot", { state: "In Progress" });
  await app.runFirstPoll();
  await app.actAs("Thot").startTimer("ONB-1");
  app.advance(600_000);
  await app.actAs("Thot").stopTimer("ONB-1");
  await app.actAs("Thot").report("ONB-1", { percent: 40, cost: 1.5, session: SESSION, confidence: 0.6 });
  await app.runUntilIdle();
  const cards = () => app.plane.comments(item).filter(({ external_id }) => external_id?.startsWith("card:"));
  return { app, item, cards };
}

test("The agent card after the store was lost restores the run of the agent's wake, which its own session replaces", async () => {
  const { app, item, cards } = await createAppWithCard();
  await updateCardRecord(app.deps, item.id, ({ session: _, ...card }) => ({
    ...card,
    run: { agent: "Thot", id: "r-1" },
  }));
  await app.actAs("Thot").report("ONB-1", { percent: 50 });
  await app.runUntilIdle();
  expect(cards()[0]?.comment_html).toContain("openclaw-run-r-1");
  await app.restart({ store: "lost" });
  await app.poll();
  await app.actAs("Thot").report("ONB-1", { percent: 60 });
  await app.runUntilIdle();
  const restored = await readCard(app.deps, item.id);
  expect(restored).toMatchObject({ run: { agent: "Thot", id: "r-1" } });
  expect(restored).not.toHaveProperty("session");
  expect(cards()[0]?.comment_html).toContain("openclaw-run-r-1");
  await app.actAs("Thot").report("ONB-1", { session: SESSION });
  await app.runUntilIdle();
  expect(cards()[0]?.comment_html).toContain(SESSION);
});

test("The agent card after the store was lost counts a running timer until the card was last written", async () => {
  const { app, item } = await createAppWithCard();
  await app.actAs("Thot").startTimer("ONB-1");
  app.advance(300_000);
  await app.actAs("Thot").report("ONB-1", { text: "still at it" });
  await app.runUntilIdle();
  await app.restart({ store: "lost" });
  await app.poll();
  await app.actAs("Thot").report("ONB-1", { percent: 60 });
  await app.runUntilIdle();
  const { entries, carried } = await readTaskTimes(app.deps, item.id);
  expect(entries).toEqual([expect.objectContaining({ agent: "Thot", from: expect.any(Number) })]);
  expect(carried["Thot"]).toBeGreaterThanOrEqual(900_000);
  expect(carried["Thot"]).toBeLessThan(940_000);
});

test.each([
  ["another text", "<p><b>Agent card</b></p><p>Cost: 9 (Thot 9)</p>"],
  ["damaged data", `<ul data-groundcrew="%7B%22id"></ul>`],
  [
    "values out of range",
    `<ul data-groundcrew="${encodeURIComponent('{"id":"1","card":{"percent":4000},"spent":{},"running":[]}')}"></ul>`,
  ],
])("The agent card after the store was lost restores nothing from %s", async (_, html) => {
  const { app, item, cards } = await createAppWithCard();
  app.plane.editComment(cards()[0]?.id ?? "", html, { by: app.human });
  await app.restart({ store: "lost" });
  await app.poll();
  await app.actAs("Thot").report("ONB-1", { text: "on with it" });
  await app.runUntilIdle();
  const stored = await readCard(app.deps, item.id);
  expect(stored).toMatchObject({ agent: "Thot", text: "on with it" });
  for (const field of ["percent", "confidence", "cost", "costs"] as const) expect(stored?.[field]).toBeUndefined();
  expect((await readTaskTimes(app.deps, item.id)).carried).toEqual({});
  expect(cards()).toHaveLength(1);
});

test("Groundcrew killed while it writes the agent card (reliability 2) leaves one correct card after the next run, whichever request or commit is killed", async () => {
  for (const first of [true, false]) {
    for (let nth = 1; ; nth += process.env["FULL"] ? 1 : 2) {
      const { app, item } = await createUnwrittenCard(first);
      const body = { type: "card", item: item.id, correlation: "test" } as const;
      const process = crashAfterChange(app.deps, nth);
      const killed = (await process.orCrash(writeCard(process.deps, body))) === "over";
      // A report in between makes the card's text differ from what the killed process wrote.
      await app.actAs("Thot").report("ONB-1", { percent: 70 });
      await app.runUntilIdle();
      const cards = app.plane.comments(item).filter(({ external_id }) => external_id?.startsWith("card:"));
      expect(cards, `killed at step ${nth}`).toHaveLength(1);
      expect(cards[0]?.comment_html).toContain("70 %");
      expect((await readTaskTimes(app.deps, item.id)).totals, `killed at step ${nth}`).toEqual({ Thot: 60_000 });
      if (!killed) {
        // A write of the card is at least a record, a request and another record.
        expect(nth, "number of interrupted steps").toBeGreaterThan(2);
        break;
      }
      expect(nth).toBeLessThan(40);
    }
  }
});

/** An app with a card that is due for its first or a later write. */
async function createUnwrittenCard(first: boolean) {
  const app = await createAgentTestApp();
  const item = app.addTask("Write it down", "Thot");
  await app.runFirstPoll();
  // Jobs stay queued, so that the test itself runs them.
  const thot = () => createTaskOperations({ ...app.deps, notify() {} }, app.getCaller("Thot"));
  await thot().startTimer("ONB-1");
  app.advance(60_000);
  await thot().stopTimer("ONB-1");
  if (!first) {
    await writeCard(app.deps, { type: "card", item: item.id, correlation: "test" });
    app.advance(60_000);
  }
  await thot().report("ONB-1", { percent: 40 });
  app.advance(60_000);
  return { app, item };
}
