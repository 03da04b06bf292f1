import { expect, test } from "vitest";
import { createTaskOperations } from "../../../functions/agent/tool.ts";
import { readAgentDays } from "../../../shared/accounting/history.ts";
import { readAllSpending } from "../../../shared/accounting/spending.ts";
import { readTaskTimes } from "../../../shared/accounting/time-entries.ts";
import { expireClaims } from "../../../shared/tasks/lifecycle/claim-upkeep.ts";
import { HOUR, MINUTE } from "../../../shared/time.ts";
import { pickSize } from "../../reliability/random-source.ts";
import { type AgentTestApp, createAgentTestApp, WORK_RULES } from "../../support/agent-test-app.ts";
import { answerQuestion } from "../../support/answer-request.ts";
import { crashAfterChange } from "../../support/crash-after-change.ts";

async function createAppWithTask() {
  const app = await createAgentTestApp({ parts: WORK_RULES });
  const item = app.addTask("Write it down", ["Thot", "Imhotep"]);
  await app.runFirstPoll();
  await expireClaims(app.deps, "test");
  return { app, item };
}

/** Works for a time: a call every ten minutes renews the claim, and the claims tick runs every minute. */
async function work(app: AgentTestApp, agent: string, ms: number) {
  const end = app.time.now + ms;
  for (let minute = 1; app.time.now < end; minute++) {
    app.advance(Math.min(MINUTE, end - app.time.now));
    if (minute % 10 === 0) await app.actAs(agent).report("ONB-1", {});
    await expireClaims(app.deps, "test");
  }
}

/** Every number of the time spent on the task, and the entries, which must never overlap. */
async function readTimes(app: AgentTestApp, item: { id: string }) {
  const times = await readTaskTimes(app.deps, item.id);
  const ends = times.entries.map(({ to }) => to ?? Number.POSITIVE_INFINITY);
  expect(times.entries.every(({ from }, i) => i === 0 || from >= (ends[i - 1] ?? 0))).toBe(true);
  expect(times.running.length).toBeLessThanOrEqual(1);
  return times;
}

const start = (app: AgentTestApp, agent = "Thot") =>
  app.actAs(agent).setStatus("ONB-1", { status: "in_progress", session: "openclaw-session-1" });
const finish = (app: AgentTestApp, agent = "Thot") =>
  app.actAs(agent).setStatus("ONB-1", { status: "done", text: "Done", confidence: 1 });

test("The timer runs by itself while the task is in progress and held, and a finished task has its whole time", async () => {
  const { app, item } = await createAppWithTask();
  await app.actAs("Thot").claim("ONB-1");
  await work(app, "Thot", 3 * MINUTE);
  expect((await readTimes(app, item)).spent).toBe(0);
  await start(app);
  const { spent: before, running } = await readTimes(app, item);
  expect(running).toHaveLength(1);
  await work(app, "Thot", 20 * MINUTE);
  expect((await readTimes(app, item)).spent).toBe(before + 20 * MINUTE);
  await finish(app);
  const { spent, entries, running: after } = await readTimes(app, item);
  expect(after).toEqual([]);
  expect(entries).toHaveLength(1);
  await app.runUntilIdle();
  app.advance(HOUR);
  expect((await readTimes(app, item)).spent).toBe(spent);
  expect(await readAllSpending(app.store)).toEqual([{ agent: "Thot", project: "ONB", ms: spent, cost: 0 }]);
});

test("The timer stops while the agent waits for a human's answer, at the times of question and answer", async () => {
  const { app, item } = await createAppWithTask();
  await start(app);
  await work(app, "Thot", 5 * MINUTE);
  const question = await app.actAs("Thot").ask("ONB-1", { text: "Formal?", choices: [], urgency: "normal" });
  const { spent, running } = await readTimes(app, item);
  expect(running).toEqual([]);
  for (let i = 0; i < 120; i++) {
    app.advance(MINUTE);
    await expireClaims(app.deps, "test");
  }
  expect((await readTimes(app, item)).spent).toBe(spent);
  await answerQuestion(app.deps, question.id, { text: "Yes", by: "Ada" });
  app.advance(4 * MINUTE);
  expect((await readTimes(app, item)).spent).toBe(spent + 4 * MINUTE);
});

test("The timer follows what people do in Plane: it starts when they start a held task and stops when they move it", async () => {
  const { app, item } = await createAppWithTask();
  await app.actAs("Thot").claim("ONB-1");
  app.plane.editItem(item, { state: "In Progress" });
  await app.deliverWebhooks();
  app.advance(6 * MINUTE);
  expect((await readTimes(app, item)).spent).toBe(6 * MINUTE);
  await app.actAs("Thot").report("ONB-1", {});
  app.plane.editItem(item, { state: "Done" });
  await app.deliverWebhooks();
  app.advance(HOUR);
  await app.runUntilIdle();
  expect((await readTimes(app, item)).spent).toBe(6 * MINUTE);
});

test("A task that is reassigned or blocked while it is held ends its time", async () => {
  const { app, item } = await createAppWithTask();
  await start(app);
  app.advance(2 * MINUTE);
  await app.actAs("Thot").setStatus("ONB-1", { status: "blocked", text: "No paint" });
  const { spent } = await readTimes(app, item);
  app.advance(MINUTE);
  expect((await readTimes(app, item)).spent).toBe(spent);
  await start(app);
  app.plane.editItem(item, { assignees: [app.getUser("Imhotep").id] });
  app.advance(3_000);
  await app.poll();
  await app.runUntilIdle();
  const { spent: later, running } = await readTimes(app, item);
  expect(running).toEqual([]);
  app.advance(HOUR);
  expect((await readTimes(app, item)).spent).toBe(later);
});

test("A store clock that was set back or forward never makes time negative, and an interval is counted once", async () => {
  const { app, item } = await createAppWithTask();
  await start(app);
  app.advance(10 * MINUTE);
  app.time.now -= HOUR;
  await expireClaims(app.deps, "test");
  expect((await readTimes(app, item)).spent).toBe(0);
  await app.actAs("Thot").stopTimer("ONB-1");
  const times = await readTaskTimes(app.deps, item.id);
  expect(times.spent).toBe(0);
  await app.actAs("Thot").startTimer("ONB-1");
  await work(app, "Thot", 3 * MINUTE);
  app.time.now += 24 * HOUR;
  expect((await readTaskTimes(app.deps, item.id)).spent).toBeLessThanOrEqual(18 * MINUTE);
});

/** The changes of the store and of Plane after which the process is killed; more than the calls below make. */
const MAX_CHANGES = 40;

test.each(["in_progress", "done"] as const)(
  "A process killed at any step of setting a task to %s leaves one timer that is counted once",
  async (status) => {
    let nth = 1;
    for (; nth <= MAX_CHANGES; nth += pickSize(1, 3)) {
      const { app, item } = await createAppWithTask();
      if (status === "done") await start(app);
      app.advance(5 * MINUTE);
      const process = crashAfterChange(app.deps, nth);
      const change = { status, text: "Done", confidence: 1, cost: 2 };
      const outcome = await process.orCrash(
        createTaskOperations(process.deps, app.getCaller("Thot")).setStatus("ONB-1", change),
      );
      await app.restart();
      await app.actAs("Thot").setStatus("ONB-1", change);
      await app.runUntilIdle();
      await expireClaims(app.deps, "test");
      if (status === "in_progress") {
        expect((await readTimes(app, item)).running, `killed at change ${nth}`).toHaveLength(1);
        await finish(app);
      }
      const { spent, running, entries } = await readTimes(app, item);
      expect([running, entries.length], `killed at change ${nth}`).toEqual([[], 1]);
      const [total] = await readAllSpending(app.store);
      const [day] = await readAgentDays(app.deps, "Thot", 1);
      expect([total?.ms, day?.ms], `killed at change ${nth}`).toEqual([spent, spent]);
      if (outcome !== "over") break;
    }
    expect(nth).toBeGreaterThan(4);
    expect(nth).toBeLessThan(MAX_CHANGES);
  },
);
