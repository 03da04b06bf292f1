/**
 * One task on the page: its details, why nothing happens with it and the actions that change that, and what a person
 * writes to its agents; and the list of the tasks with which nothing happens.
 */

import { type Context, Hono } from "hono";
import { z } from "zod";
import type { Deps, Route, TaskDeps } from "../../shared/app/deps.ts";
import { GroundcrewError } from "../../shared/errors.ts";
import { createJsonReader } from "../../shared/http/limits.ts";
import { answerCleanJson } from "../../shared/http/request.ts";
import { chooseLanguage, type Locale } from "../../shared/i18n/localize.ts";
import { parseHtml } from "../../shared/markdown/parse-html.ts";
import { toHtml } from "../../shared/markdown/to-html.ts";
import type { HtmlRoot } from "../../shared/markdown/tree.ts";
import { limitDeps } from "../../shared/people/viewer.ts";
import { listReadableProjects, type Task } from "../../shared/records/plane-records.ts";
import { observedSets } from "../../shared/records/store-keys.ts";
import { scanPages } from "../../shared/store/records.ts";
import { readDependantIds } from "../../shared/sync/dependency-edges.ts";
import { compareUrgency, type ItemRecord, isOpenItem } from "../../shared/task/snapshot.ts";
import { type CallContext, createCallContext } from "../../shared/tasks/call-context.ts";
import { changeTask, findReadyState } from "../../shared/tasks/change-task.ts";
import { downloadFile, findAttachment } from "../../shared/tasks/deliverables/deliver-file.ts";
import { updateTask } from "../../shared/tasks/edit-task.ts";
import { findTask, toTask } from "../../shared/tasks/find-task.ts";
import { setStatus } from "../../shared/tasks/lifecycle/set-status.ts";
import { prepareMessage } from "../../shared/tasks/people/remarks.ts";
import { readRemarks } from "../../shared/tasks/remark-record.ts";
import { readLinkedTasks, readTaskDetails } from "../../shared/tasks/views/task-details.ts";
import { createExplainer, readWhy } from "../../shared/tasks/views/task-facts.ts";
import { searchTasks, taskFiltersSchema } from "../../shared/tasks/views/task-list.ts";
import { wakeAgain } from "../../shared/tasks/wakes.ts";
import { ACTIVE_KINDS, type RenderedWhy } from "../../shared/tasks/why.ts";
import { IMAGE_TYPE } from "./answers.ts";
import { createItemFilter, toBoardColumn } from "./cards.ts";

type TaskRouteDeps = TaskDeps & Pick<Deps, "newId">;

/** The search of all tasks; a task's explanation, its remedies, and what people write to its agents. */
export const taskRoute: Route = { path: "/api/tasks", access: "page", app: createTaskApp };

/** A file of a task, of any size: `?task=ONB-12&name=report.pdf`. */
export const taskFileRoute: Route = { path: "/api/task-file", access: "page", streams: true, app: createFileApp };

/** The open tasks with which nothing happens, each with the reason. */
export const idleTasksRoute: Route = { path: "/api/idle-tasks", access: "page", app: createIdleTasksApp };

const remarkSchema = z.strictObject({ text: z.string().trim().min(1).max(4_096) });

const actionSchema = z.discriminatedUnion("action", [
  /** Moves the task to a state in which agents start it. */
  z.strictObject({ action: z.literal("start") }),
  z.strictObject({ action: z.literal("assign"), agent: z.string() }),
  z.strictObject({ action: z.literal("wake"), agent: z.string() }),
]);

const ACTION_EXAMPLE = 'Send {"action": "start"}, or "assign" or "wake" with the name of an agent.';

const SEARCH_EXAMPLE = 'Search with "text", "status", "agent" and "project", such as ?text=report&status=all.';

/** Formatted text as elements, of which the page draws each: only those that Groundcrew may write to Plane. */
export type FormattedText = (string | { tag: string; href?: string; children: FormattedText })[];

export type TaskPageAnswer = Awaited<ReturnType<typeof describeTask>>;

/** The first tasks that a search has found, and the number of all. */
export type FoundTasksAnswer = Awaited<ReturnType<typeof searchTasks>>;

/** Open tasks with which nothing happens, those with a remedy first, and the number of all. */
export type IdleTasksAnswer = Awaited<ReturnType<typeof listIdleTasks>>;

/** Limit of the idle tasks in one answer: 200, more than people read. */
const MAX_IDLE = 200;

function createPageContext(deps: TaskRouteDeps, c: Context): CallContext {
  return createCallContext(deps, { name: c.get("viewer").name, role: "human" }, c.get("correlation"));
}

function createTaskApp(deps: TaskRouteDeps): Hono {
  const readJson = createJsonReader(32_768);
  const findSubject = async (c: Context) => {
    const context = createPageContext(deps, c);
    return { context, task: await findTask(context, c.req.param("key") ?? "") };
  };
  return new Hono()
    .get("/", async (c) => {
      const filters = taskFiltersSchema.safeParse(c.req.query());
      if (!filters.success) throw new GroundcrewError("bad_request", SEARCH_EXAMPLE);
      const context = createPageContext(limitDeps(deps, c.get("viewer")), c);
      return answerCleanJson(c, await searchTasks(context, filters.data));
    })
    .get("/:key", async (c) => {
      const { context, task } = await findSubject(c);
      const own = { ...context, deps: limitDeps(deps, c.get("viewer")) };
      return answerCleanJson(c, await describeTask(own, task, findLanguage(deps, c)));
    })
    .get("/:key/why", async (c) => answerCleanJson(c, await describeWhy(deps, c, (await findSubject(c)).task)))
    .post("/:key/actions", async (c) => {
      const action = await readJson(c, actionSchema, { example: ACTION_EXAMPLE });
      const { context, task } = await findSubject(c);
      await carryOut(context, task, action);
      return answerCleanJson(c, await describeWhy(deps, c, await findTask(context, task.id)));
    })
    .post("/:key/remarks", async (c) => {
      const { text } = await readJson(c, remarkSchema, { example: 'Send {"text": "stop"}.' });
      const id = `page:${deps.newId()}`;
      for (;;) {
        const { context, task } = await findSubject(c);
        const message = { id, by: context.caller.name, text };
        const { update, workers, isStop } = await prepareMessage(deps, task, message, context.correlation);
        const { afterCommit, ...commit } = update;
        if ((await deps.store.commit(commit)) !== "committed") continue;
        await afterCommit?.();
        deps.notify();
        return c.json({ key: task.key, agents: workers, stopped: isStop });
      }
    });
}

/** Everything that the page of a task shows. */
async function describeTask(context: CallContext, task: Task, locale: Locale) {
  const { deps } = context;
  const [details, why, { open }, dependants] = await Promise.all([
    readTaskDetails(context, task),
    readWhy(deps, task, locale),
    readRemarks(deps, task.id),
    readLinkedTasks(deps, await readDependantIds(deps, task.id)),
  ]);
  const { latest, left_out } = details.comments;
  const comments = await Promise.all(latest.map(async (one) => ({ ...one, text: await toFormattedText(one.text) })));
  return {
    ...details,
    ...{ why, dependants, open: isOpenItem(task.item), owners: task.item.owners ?? [] },
    agents: deps.settings.agents.map(({ name }) => name),
    currency: deps.settings.budget?.currency,
    text: await toFormattedText(details.text),
    comments: { latest: comments, left_out },
    remarks: open.map(({ agent, by, text, at, readAt }) => ({ agent, by, text, at, read_at: readAt })),
  };
}

async function toFormattedText(markdown: string): Promise<FormattedText> {
  const toNodes = (nodes: HtmlRoot["children"]): FormattedText =>
    nodes.flatMap((node): FormattedText => {
      if (node.type === "text") return [node.value];
      if (node.type !== "element") return [];
      const { href } = node.properties;
      const link = typeof href === "string" ? { href } : {};
      return [{ tag: node.tagName, ...link, children: toNodes(node.children) }];
    });
  return toNodes(parseHtml(await toHtml(markdown)).children);
}

function createFileApp(deps: TaskRouteDeps): Hono {
  return new Hono().get("/", async (c) => {
    const context = createPageContext(deps, c);
    // Text with formatting is read as elements, of which the page draws each.
    if (c.req.query("as") === "formatted") {
      const file = await downloadFile(context, c.req.query("task") ?? "", c.req.query("name") ?? "");
      const text = await toFormattedText("text" in file ? file.text : "");
      return answerCleanJson(c, { text });
    }
    const { type, open } = await findAttachment(context, c.req.query("task") ?? "", c.req.query("name") ?? "");
    const body = await open(c.req.raw.signal);
    // The declared type is a text of the sender: a browser must neither show the file as a page nor run it.
    c.header("content-type", IMAGE_TYPE.test(type) ? type : "application/octet-stream");
    c.header("content-disposition", "attachment");
    c.header("x-content-type-options", "nosniff");
    return c.body(body);
  });
}

/** Why nothing happens with a task, or what does. */
async function describeWhy(deps: TaskDeps, c: Context, task: Task): Promise<{ key: string } & RenderedWhy> {
  return { key: task.key, ...(await readWhy(limitDeps(deps, c.get("viewer")), task, findLanguage(deps, c))) };
}

function findLanguage({ settings }: Pick<TaskDeps, "settings">, c: Context): Locale {
  return chooseLanguage(settings.locale, c.req.query("language"));
}

async function carryOut(context: CallContext, task: Task, action: z.output<typeof actionSchema>): Promise<void> {
  const { deps } = context;
  if (!isOpenItem(task.item)) throw new GroundcrewError("conflict", `${task.key} is closed. Reopen it in Plane.`);
  if (task.item.template && action.action !== "assign")
    throw new GroundcrewError("conflict", `${task.key} is the template of recurring work, which nobody starts.`);
  switch (action.action) {
    case "start":
      return startTask(context, task);
    case "assign":
      await updateTask(context, task, { assignee: action.agent });
      return;
    case "wake": {
      const agent = deps.settings.agents.find(({ name }) => name === action.agent);
      if (!agent || agent.wake.kind === "none")
        throw new GroundcrewError("bad_request", `There is no agent "${action.agent.slice(0, 60)}" that can be woken.`);
      const { id, key, item } = task;
      await wakeAgain(deps, agent.name, { id, key, reason: "assigned", title: item.snapshot.name });
    }
  }
}

/** Moves a task out of Blocked, or out of the group Backlog. */
async function startTask(context: CallContext, task: Task): Promise<void> {
  if (task.item.snapshot.status === "blocked") await setStatus(context, task, { status: "todo" });
  const state = await findReadyState(context.deps, task.project.id);
  if (state === undefined)
    throw new GroundcrewError(
      "conflict",
      `No state of ${task.project.name} in Plane means todo. A person must add one.`,
      { refusal: { name: "noState", values: { project: task.project.name, status: "todo" } } },
    );
  const current = await findTask(context, task.id);
  if (current.item.snapshot.state !== state) await changeTask(context, current, { state });
}

function createIdleTasksApp(deps: TaskRouteDeps): Hono {
  return new Hono().get("/", async (c) => answerCleanJson(c, await listIdleTasks(limitDeps(deps, c.get("viewer")), c)));
}

/** Explains all open tasks, batch by batch, and keeps those that a person should see first. */
async function listIdleTasks(deps: TaskDeps, c: Context) {
  const { project: wanted = "", status } = c.req.query();
  const isWanted = await createItemFilter(deps, c.req.query(), c.get("viewer"));
  const explain = await createExplainer(deps, findLanguage(deps, c));
  let total = 0;
  let first: { task: Task; why: RenderedWhy }[] = [];
  for (const project of await listReadableProjects(deps)) {
    if (wanted !== "" && project.identifier.toUpperCase() !== wanted.toUpperCase()) continue;
    for await (const rows of scanPages<ItemRecord>(deps, observedSets.open(project.id))) {
      const tasks = rows
        .filter(({ value }) => !value.snapshot.quiet && (!status || toBoardColumn(value) === status) && isWanted(value))
        .map(({ value, rev }) => toTask(deps, value, rev, project));
      const reasons = await explain(tasks);
      const idle = tasks.flatMap((task, i) => {
        const why = reasons[i];
        return why && !ACTIVE_KINDS.has(why.kind) ? [{ task, why }] : [];
      });
      total += idle.length;
      first = [...first, ...idle].sort(compareIdle).slice(0, MAX_IDLE);
    }
  }
  const tasks = first.map(({ task: { key, item, project }, why }) => {
    return { key, title: item.snapshot.name, project: project.identifier, ...why };
  });
  return { tasks, total };
}

/** What one can change with a press comes first. */
function compareIdle(a: { task: Task; why: RenderedWhy }, b: typeof a): number {
  const rank = ({ why: { remedy } }: typeof a) => (remedy && remedy.action.method !== "GET" ? 0 : 1);
  return rank(a) - rank(b) || compareUrgency(a.task.item.snapshot, b.task.item.snapshot);
}
