import { expect, test } from "vitest";
import { z } from "zod";
import { readPlaneHealth } from "../../../shared/notices/notices.ts";
import { MINUTE } from "../../../shared/time.ts";
import { createAgentTestApp } from "../../support/agent-test-app.ts";
import { findRecordedResponse } from "../../support/plane-replay-server.ts";

type Page = z.infer<typeof pageSchema>;
type Answer = { status?: number; body: unknown };
/** Whether Plane's answer to a path is changed, and how: from the page that it would have sent. */
type WrongAnswer = { path: RegExp; change: (page: Page) => Answer };

const pageSchema = z.looseObject({ results: z.array(z.looseObject({})), total_count: z.number() });
const ITEMS = /\/work-items\/\?/;
const PROJECTS = /\/projects\/(\?|$)/;
const PROJECT = /\/projects\/[0-9a-f-]{36}\//;
const COUNT = 30;
const FULL = process.env["FULL"] === "1";

const cutTo = (page: Page, count: number, total = count): Answer => ({
  body: { ...page, results: page.results.slice(0, count), total_count: total, next_page_results: false },
});
const recorded = (path: RegExp, file: string, name: string): WrongAnswer => ({
  path,
  change: () => findRecordedResponse(file, name),
});

const WRONG_ANSWERS: Record<string, WrongAnswer> = {
  "[] as the list of items": { path: ITEMS, change: () => ({ body: [] }) },
  "the recorded list without items": recorded(ITEMS, "projects-members", "project_archived_items"),
  "no items but their number": { path: ITEMS, change: (page) => cutTo(page, 0, page.total_count) },
  "a tenth of the items": { path: ITEMS, change: (page) => cutTo(page, page.results.length / 10) },
  "a truncated page of items": { path: ITEMS, change: (page) => cutTo(page, 6, page.total_count) },
  "the recorded items of another workspace": recorded(ITEMS, "work-items", "work_items_list_expand_fields"),
  "403 for the project, as recorded": recorded(PROJECT, "limits-and-errors", "workspace_unknown"),
  "404 for the project, as recorded": recorded(PROJECT, "work-items", "work_item_unknown"),
  "[] as the list of projects": { path: PROJECTS, change: () => ({ body: [] }) },
  "an empty list, and 404 for its items and the project": {
    path: /\/projects\/[0-9a-f-]{36}\/($|work-items\/)/,
    change: (page) => (page.total_count > 0 ? cutTo(page, 0) : findRecordedResponse("work-items", "work_item_unknown")),
  },
  "a list without projects": { path: PROJECTS, change: (page) => cutTo(page, 0) },
  "the recorded projects of another workspace": recorded(PROJECTS, "projects-members", "projects_list"),
};

async function createBoard(isAdopted: boolean) {
  const state: { wrong?: WrongAnswer | undefined } = {};
  const app = await createAgentTestApp({
    fetch: async (input, init) => {
      const response = await fetch(input, init);
      const url = String(input instanceof Request ? input.url : input);
      if (init?.method !== undefined && init.method !== "GET") return response;
      if (!state.wrong?.path.test(url)) return response;
      const page = pageSchema.safeParse(await response.json());
      const { status = 200, body } = state.wrong.change(page.data ?? { results: [], total_count: 0 });
      return Response.json(body, { status, headers: { date: response.headers.get("date") ?? "" } });
    },
  });
  const items = Array.from({ length: COUNT }, (_, n) => app.addTask(`Task ${n}`, n % 2 ? "Imhotep" : "Thot"));
  app.advance(30 * MINUTE);
  if (isAdopted) {
    await app.runFirstPoll();
    await app.actAs("Thot").setStatus("ONB-1", { status: "in_progress" });
    await app.runUntilIdle();
  }
  return Object.assign(app, {
    items,
    state,
    async pollFor(polls: number) {
      for (let i = 0; i < polls; i += 1) {
        app.advance(5 * MINUTE);
        await app.poll().catch(() => {});
        await app.runUntilIdle();
      }
    },
    async countTasks() {
      const lists = await Promise.all(["Imhotep", "Thot"].map((name) => app.actAs(name).list({})));
      return lists.reduce((sum, { tasks }) => sum + tasks.length, 0);
    },
  });
}

const NAMES = Object.keys(WRONG_ANSWERS);

test.each(NAMES.filter((_, i) => FULL || i % 3 < 2))("reliability 45: no task ends at the answer %s", async (name) => {
  const board = await createBoard(true);
  board.takeEvents();
  board.state.wrong = WRONG_ANSWERS[name];
  const requests = await board.recordRequests(() => board.pollFor(3));
  expect(requests.length).toBeLessThan(3 * 25);
  expect(await board.countTasks()).toBe(COUNT);
  const [notice, ...others] = await board.deps.notices.readCurrent();
  expect([notice?.kind, others]).toEqual([expect.stringMatching(/^(plane_list_wrong|polls_failing)$/), []]);
  expect((await readPlaneHealth(board.deps)).ok).toBe(false);
  board.state.wrong = undefined;
  await board.pollFor(3);
  const changes = board.logged.filter(({ message }) => String(message).startsWith("notice "));
  expect(changes.map(({ message }) => message)).toEqual(["notice began", "notice ended"]);
  expect((await readPlaneHealth(board.deps)).ok).toBe(true);
  expect(board.takeEvents()).toEqual([]);
  expect(await board.countTasks()).toBe(COUNT);
  board.plane.deleteItem(board.items[5] ?? "");
  await board.pollFor(1);
  expect(board.takeEvents()).toEqual(["ONB-6 removed"]);
});

test.each(NAMES.filter((_, i) => FULL || i % 6 === 1))("reliability 45: adopted in silence after %s", async (name) => {
  const board = await createBoard(false);
  board.state.wrong = WRONG_ANSWERS[name];
  await board.pollFor(2);
  board.state.wrong = undefined;
  await board.pollFor(4);
  expect(board.takeEvents()).toEqual([]);
  expect(await board.countTasks()).toBe(COUNT);
});

test("reliability 45: a project that people deleted is gone after two polls, without a notice", async () => {
  const board = await createBoard(true);
  board.takeEvents();
  board.plane.deleteProject(board.onb);
  await board.pollFor(1);
  expect(board.takeEvents()).toEqual([]);
  board.advance(10_000);
  await board.pollUntilIdle();
  expect(board.takeEvents()).toEqual(["ONB project_deleted"]);
  expect(await board.countTasks()).toBe(0);
  expect(board.logged.filter(({ message }) => String(message).startsWith("notice "))).toEqual([]);
});

test("reliability 45: people who delete most of a project are believed, within the quota", async () => {
  const app = await createAgentTestApp({ rateLimit: 60 });
  const count = FULL ? 200 : 60;
  const items = Array.from({ length: count }, (_, n) => app.addTask(`Task ${n}`, "Thot"));
  await app.runFirstPoll(MINUTE);
  app.takeEvents();
  for (const item of items.slice(10)) app.plane.deleteItem(item);
  const began = app.time.now;
  for (let i = 0; i < 40 && (await app.actAs("Thot").list({})).tasks.length > 10; i += 1) {
    await app.poll();
    app.advance(10_000);
  }
  expect(app.time.now - began).toBeLessThan(10 * MINUTE);
  expect(app.takeEvents().filter((event) => event.endsWith(" removed"))).toHaveLength(count - 10);
});
