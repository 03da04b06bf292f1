import { expect, test } from "vitest";
import { z } from "zod";
import { boardRoute } from "../../../functions/dashboard/board-route.ts";
import { createOutcomeReader } from "../../../functions/dashboard/decision-log-route.ts";
import type { RequestedAction } from "../../../shared/records/decision-log.ts";
import { type ChatMessage, chatMessageSet } from "../../../shared/telegram/message-log.ts";
import { requestAs } from "../../support/request-as.ts";
import { createTestApp } from "../../support/test-app.ts";
import { createNotice, createOutboxSetup, enqueueNotices, OUTBOX_CHAT } from "../telegram/outbox-setup.ts";

const cardSchema = z.looseObject({ key: z.string() });
const boardSchema = z.looseObject({
  columns: z.array(z.object({ name: z.string(), total: z.number(), cards: z.array(cardSchema) })),
});

async function createBoardSetup() {
  const app = await createTestApp({ agents: [{ name: "Thot", email: "thot@example.com" }] });
  const thot = app.plane.addUser({ name: "Thot", email: "thot@example.com" });
  const onb = app.addProject();
  // The board waits for names until they have arrived.
  const deps = () => ({ ...app.deps, wait: () => new Promise<void>(() => {}) });
  const get = async (query = "") => boardSchema.parse(await (await requestAs(boardRoute, deps(), `/${query}`)).json());
  const column = async (name: string, query = "") =>
    (await get(query)).columns.find((one) => one.name === name)?.cards.map(({ key }) => key);
  return { app, thot, onb, get, column };
}

test("the board has tasks by state, waiting ones in the blocked column, the most urgent first", async () => {
  const { app, thot, onb, column, get } = await createBoardSetup();
  const blocker = app.plane.addItem(onb, { name: "First", state: "In Progress" });
  const blocked = app.plane.addItem(onb, { name: "Second", assignees: [thot] });
  app.plane.addItem(onb, { name: "Low", priority: "low" });
  app.plane.addItem(onb, { name: "Urgent", priority: "urgent" });
  app.plane.addItem(onb, { name: "Due", priority: "urgent", target_date: "2026-12-01" });
  app.plane.relate(blocked, blocker);
  await app.runFirstPoll();
  expect(await column("in_progress")).toEqual(["ONB-1"]);
  expect(await column("blocked")).toEqual(["ONB-2"]);
  expect(await column("todo")).toEqual(["ONB-5", "ONB-4", "ONB-3"]);
  const card = (await get()).columns.find(({ name }) => name === "blocked")?.cards[0];
  expect(card).toMatchObject({ agent: "Thot", assignees: ["thot"], blockers: [{ key: "ONB-1" }] });
});

test("the board is filtered by agent and by column, and names the agents", async () => {
  const { app, thot, onb, column, get } = await createBoardSetup();
  app.plane.addItem(onb, { name: "First", assignees: [thot] });
  app.plane.addItem(onb, { name: "Second", state: "In Progress" });
  await app.runFirstPoll();
  expect([await column("todo", "?agent=Thot"), await column("in_progress", "?agent=Thot")]).toEqual([["ONB-1"], []]);
  expect([await column("todo", "?agent=none"), await column("in_progress", "?agent=none")]).toEqual([[], ["ONB-2"]]);
  // A person's own tasks are those that are assigned to them.
  const ada = { id: thot.id, name: "Ada", role: "member" } as const;
  const own = await requestAs(boardRoute, app.deps, "/?mine=yes", ada);
  expect(await own.json()).toMatchObject({
    has_own: true,
    columns: [{ total: 1 }, { total: 0 }, { total: 0 }, { total: 0 }],
  });
  expect(await get("?mine=yes")).toMatchObject({ has_own: false, columns: [{ total: 0 }, {}, {}, {}] });
  const { agents, columns } = await get("?status=in_progress");
  expect([agents, columns.map(({ name, total }) => [name, total])]).toEqual([["Thot"], [["in_progress", 1]]]);
});

test("a notification in an existing message is delivered with the edit that shows it", async () => {
  const outbox = await createOutboxSetup();
  const all = [1, 2, 3].map((n) => createNotice(n));
  await enqueueNotices(outbox.store, all);
  const target = `telegram:${OUTBOX_CHAT}`;
  const actions = all.map(
    ({ facts, correlation, event }): RequestedAction => ({
      ...{ rule: "completed tasks", target, queue: "outbox" },
      job: `${facts.item?.id}:${correlation}:${event.kind}:${target}`,
    }),
  );
  const readOutcomes = async () => [...(await createOutcomeReader(outbox)(actions)).values()];
  const startedAt = outbox.time.now;
  await outbox.handleDueJobs();
  expect((await readOutcomes()).map(({ is }) => is)).toEqual(["delivered", "folded", "folded"]);
  await outbox.runUntilEmpty();
  const [first, , last] = (await readOutcomes()).map((fate) => (fate.is === "delivered" ? fate.at : 0));
  expect([first, (last ?? 0) > startedAt]).toEqual([startedAt, true]);
  const [message] = (await outbox.store.scan<ChatMessage>(chatMessageSet)).rows.map((row) => row.value);
  expect(message?.history.map(([notices]) => notices)).toEqual([1, 3]);
  expect(message?.text).toBe(outbox.telegram.chat(OUTBOX_CHAT).messages[0]?.text);
});
