import { expect, test } from "vitest";
import { z } from "zod";
import { createTaskOperations } from "../../../functions/agent/tool.ts";

import { boardRoute } from "../../../functions/dashboard/board-route.ts";
import {
  type ActionOutcome,
  createOutcomeReader,
  decisionLogRoute,
} from "../../../functions/dashboard/decision-log-route.ts";
import { readRevision } from "../../../functions/dashboard/events-route.ts";
import { createMutePut } from "../../../functions/telegram/delivery/context.ts";
import type { Deps } from "../../../shared/app/deps.ts";
import type { RequestedAction } from "../../../shared/records/decision-log.ts";
import { type ChatMessage, chatMessageSet } from "../../../shared/telegram/message-log.ts";
import { requestAs } from "../../support/request-as.ts";
import { createTestApp } from "../../support/test-app.ts";
import { createNotice, createOutboxSetup, enqueueNotices, OUTBOX_CHAT } from "../telegram/outbox-setup.ts";

const boardSchema = z.looseObject({
  projects: z.array(z.object({ identifier: z.string(), name: z.string() })),
  beyond: z.number(),
  columns: z.array(
    z.object({
      name: z.string(),
      total: z.number(),
      cards: z.array(
        z.looseObject({
          key: z.string(),
          title: z.string(),
          agent: z.string().optional(),
          assignees: z.array(z.string()),
          blockers: z.array(z.looseObject({ key: z.string() })),
        }),
      ),
    }),
  ),
});
const decisionLogSchema = z.object({
  rows: z.array(
    z.looseObject({
      id: z.string(),
      event: z.looseObject({ kind: z.string() }),
      item: z.looseObject({ key: z.string() }),
    }),
  ),
  next: z.string().optional(),
});

async function createBoardSetup() {
  const app = await createTestApp({ agents: [{ name: "Thot", email: "thot@example.com" }] });
  const thot = app.plane.addUser({ name: "Thot", email: "thot@example.com" });
  const [onb, web] = [app.addProject(), app.addProject("Website", "WEB")];
  // The test decides how long the board waits for names: until they have arrived, or not at all.
  const patience = { wait: () => new Promise<void>(() => {}) };
  const get = async (query = "", deps: Deps = { ...app.deps, ...patience }) =>
    boardSchema.parse(await (await requestAs(boardRoute, deps, `/${query}`)).json());
  const trail = async (query = "") =>
    decisionLogSchema.parse(await (await requestAs(decisionLogRoute, app.deps, `/${query}`)).json());
  const column = async (name: string, query = "") =>
    (await get(query)).columns.find((one) => one.name === name)?.cards.map(({ key }) => key);
  return { app, thot, onb, web, get, trail, column };
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

test("a card shows which agent has claimed its task until when, and the page's revision changes", async () => {
  const { app, thot, onb, get } = await createBoardSetup();
  app.plane.addItem(onb, { name: "Task", assignees: [thot] });
  await app.runFirstPoll();
  const card = async () => (await get()).columns[0]?.cards[0];
  expect(await card()).not.toHaveProperty("held");
  const revision = () => readRevision(app.deps);
  const before = await revision();
  const { since, until } = await createTaskOperations(app.deps, { name: "Thot", role: "worker" }).claim("ONB-1");
  expect(await card()).toMatchObject({ held: { by: "Thot", since, until } });
  expect(await revision()).not.toBe(before);
  app.advance(until - since);
  expect(await card()).not.toHaveProperty("held");
});

test("paging through the decision log returns each record once", async () => {
  const { app, onb, web, trail } = await createBoardSetup();
  await app.runFirstPoll();
  for (let i = 0; i < 12; i += 1) app.plane.addItem(i % 3 ? web : onb, { name: `Task ${i}` });
  await app.deliverUntilIdle();
  for (const [filter, all] of [
    ["", 12],
    ["&project=WEB", 8],
  ] as const) {
    const seen: string[] = [];
    let next: string | undefined = "";
    while (next !== undefined) {
      const page = await trail(`?limit=3${filter}&before=${encodeURIComponent(next)}`);
      seen.push(...page.rows.map(({ id }) => id));
      next = page.next;
    }
    expect([seen.length, new Set(seen).size]).toEqual([all, all]);
  }
});

async function createOutboxWithNotices(count: number) {
  const outbox = await createOutboxSetup();
  const all = Array.from({ length: count }, (_, i) => createNotice(i + 1));
  await enqueueNotices(outbox.store, all);
  const actions = all.map(
    ({ facts, correlation, event }): RequestedAction => ({
      rule: "completed tasks",
      target: `telegram:${OUTBOX_CHAT}`,
      queue: "outbox",
      job: `${facts.item?.id}:${correlation}:${event.kind}:telegram:${OUTBOX_CHAT}`,
    }),
  );
  const readOutcomes = async () => [...(await createOutcomeReader(outbox)(actions)).values()];
  const chat = async () => (await outbox.store.scan<ChatMessage>(chatMessageSet)).rows.map((row) => row.value);
  return { outbox, readOutcomes, chat, actions };
}

const toOutcomeKinds = (readOutcomes: ActionOutcome[]) => readOutcomes.map(({ is }) => is);

test("a notification in an existing message is delivered with the edit that shows it", async () => {
  const { outbox, readOutcomes, chat } = await createOutboxWithNotices(3);
  const startedAt = outbox.time.now;
  await outbox.handleDueJobs();
  expect(toOutcomeKinds(await readOutcomes())).toEqual(["delivered", "folded", "folded"]);
  await outbox.runUntilEmpty();
  const all = await readOutcomes();
  expect(toOutcomeKinds(all)).toEqual(["delivered", "delivered", "delivered"]);
  const [first, , last] = all.map((fate) => (fate.is === "delivered" ? fate.at : 0));
  expect([first, (last ?? 0) > startedAt]).toEqual([startedAt, true]);
  const [message] = await chat();
  expect(message?.history.map(([notices]) => notices)).toEqual([1, 3]);
  expect(message?.text).toBe(outbox.telegram.chat(OUTBOX_CHAT).messages[0]?.text);
  expect(message?.entities).toEqual(outbox.telegram.chat(OUTBOX_CHAT).messages[0]?.entities);
});

test("a notification that Telegram refuses for good is failed, with the reason", async () => {
  const { outbox, readOutcomes } = await createOutboxWithNotices(1);
  outbox.telegram.refuseChat(OUTBOX_CHAT, 400, "Bad Request: message is too strange");
  const [job] = await outbox.takeJobs();
  if (!job) throw new Error("no job");
  await outbox.store.acknowledge(job, { dead: "Telegram refused the message: it is too strange" });
  expect(await readOutcomes()).toEqual([
    { is: "set_aside", reason: "Telegram refused the message: it is too strange" },
  ]);
});

test("a notification whose send had no response is marked as a possible repeat", async () => {
  const { outbox, readOutcomes } = await createOutboxWithNotices(1);
  outbox.telegram.injectFaults({ kind: "lost" });
  await outbox.runUntilEmpty();
  expect(await readOutcomes()).toMatchObject([{ is: "delivered", repeat: true }]);
});

test("a muted notification is not sent, and its outcome is muted", async () => {
  const { outbox, readOutcomes } = await createOutboxWithNotices(2);
  await outbox.store.commit({ put: [createMutePut("item-2", { by: "Ada", at: outbox.time.now })] });
  await outbox.runUntilEmpty();
  expect(toOutcomeKinds(await readOutcomes())).toEqual(["delivered", "muted"]);
  expect(
    outbox.telegram
      .chat(OUTBOX_CHAT)
      .messages.map(({ text }) => text)
      .join(),
  ).not.toContain("ONB-2");
});
