/**
 * The decision log: each change with the actions that were requested for it, the rule behind each, and what became of
 * it.
 */

import { Hono } from "hono";
import type { Deps, Route, TaskDeps } from "../../shared/app/deps.ts";
import type { Settings } from "../../shared/config/settings.ts";
import { DEFAULT_NOTIFICATION_RULES } from "../../shared/config/settings-file.ts";
import {
  type DiscardedJob,
  discardedJobKey,
  type ForwardReceipt,
  forwardReceiptKey,
} from "../../shared/http/outgoing.ts";
import { answerCleanJson } from "../../shared/http/request.ts";
import { chooseLanguage, type Locale } from "../../shared/i18n/localize.ts";
import { parseForwardTarget } from "../../shared/jobs/outgoing-jobs.ts";
import { parseTaskKey } from "../../shared/names.ts";
import { keepDefined, omitUndefined } from "../../shared/omit-undefined.ts";
import { limitDeps, seesTask, type Viewer } from "../../shared/people/viewer.ts";
import {
  type DecisionRecord,
  decisionSet,
  itemDecisionSetKey,
  type RequestedAction,
} from "../../shared/records/decision-log.ts";
import type { StoredRow, StoreKey } from "../../shared/store/port.ts";
import { scanMatchingRows } from "../../shared/store/records.ts";
import { getPersonName } from "../../shared/sync/event-facts.ts";
import type { PlanePerson } from "../../shared/sync/names.ts";
import { WAITS_FOR_PERSON } from "../../shared/task/rule-set.ts";
import { getSession, readCard } from "../../shared/tasks/card-record.ts";
import { findOpenTask, findTaskId } from "../../shared/tasks/find-task.ts";
import { createExplainer } from "../../shared/tasks/views/task-facts.ts";
import { wakeKeys } from "../../shared/tasks/wakes.ts";
import type { RenderedWhy } from "../../shared/tasks/why.ts";
import {
  type ChatMessage,
  findShownAt,
  parseMessageStart,
  type TelegramDelivery,
  telegramDeliveryKey,
} from "../../shared/telegram/message-log.ts";
import type { Ms } from "../../shared/time.ts";

/** The result of a requested action. */
export type ActionOutcome =
  /** The job waits in its queue, or for Telegram. */
  | { is: "waiting" }
  /** The next edit of an existing message will include it. */
  | { is: "folded"; message: StoreKey }
  | { is: "delivered"; at: Ms; message?: StoreKey; repeat?: true }
  | { is: "set_aside"; reason: string }
  /** The job failed, and a person discarded it. */
  | { is: "discarded"; at: Ms }
  /** The notification was not sent, because its subject is muted. */
  | { is: "muted" }
  /** The event was part of the agent's next wake. */
  | { is: "woken" }
  /** The job is internal work, whose results appear as separate events. */
  | { is: "passed_on" };

/**
 * Where a rule comes from: `settings`, an entry of the settings file; `default`, one of the default notification rules;
 * `always`, a rule of Groundcrew itself that no setting changes.
 */
export type RuleBasis = "settings" | "default" | "always";

/** The entries, newest first; `next` is the cursor of older ones. */
export type DecisionLogAnswer = Awaited<ReturnType<typeof readDecisions>>;

/** Queues whose jobs leave no receipt. */
const INTERNAL_QUEUES: readonly RequestedAction["queue"][] = ["work", "wake"];

const DECIDED_QUEUES = ["outbox", "forward", ...INTERNAL_QUEUES] as const;

/** Limit of dead letters that are searched, oldest first. */
const MAX_DEAD_LETTERS = 1_000;

const DEFAULT_LIMIT = 50;

const MAX_LIMIT = 200;

/** Limit of records that are searched for those of one project. */
const MAX_SCANNED = 1_000;

/** The decision log: for each event the requested actions with their rules and results, and why others were not requested. */
export const decisionLogRoute: Route = { path: "/api/why", access: "page", app };

/** Creates a reader of the results of actions, by job id. It needs five reads for any number of actions. */
export function createOutcomeReader({
  store,
}: Pick<Deps, "store">): (actions: readonly RequestedAction[]) => Promise<Map<string, ActionOutcome>> {
  return async (actions) => {
    /** Reads what the jobs of a queue have left. */
    async function readReceipts<Receipt>(queue: RequestedAction["queue"], toKey: (job: string) => StoreKey) {
      const jobs = actions.filter((action) => action.queue === queue).map(({ job }) => job);
      const rows = await store.read<Receipt>(jobs.map(toKey));
      return jobs.flatMap((job, i) => (rows[i] ? [[job, rows[i].value] as const] : []));
    }

    const [deliveries, receipts, wakes] = await Promise.all([
      readReceipts<TelegramDelivery>("outbox", telegramDeliveryKey),
      readReceipts<ForwardReceipt>("forward", forwardReceiptKey),
      readReceipts("wake", wakeKeys.addedJob),
    ]);
    const records = [...new Set(deliveries.flatMap(([, { muted, record }]) => (muted ? [] : record)))];
    const messageRows = await store.read<ChatMessage>(records);
    const messages = new Map(records.map((record, i) => [record, messageRows[i]?.value]));
    const outcomes = new Map<string, ActionOutcome>();
    for (const [job, delivery] of deliveries)
      outcomes.set(job, delivery.muted ? { is: "muted" } : toMessageOutcome(delivery, messages.get(delivery.record)));
    for (const [job, { at }] of receipts) outcomes.set(job, { is: "delivered", at });
    for (const [job] of wakes) outcomes.set(job, { is: "woken" });
    const unresolved = actions.filter(({ job }) => !outcomes.has(job));
    if (unresolved.length === 0) return outcomes;
    const [discarded, ...dead] = await Promise.all([
      store.read<DiscardedJob>(unresolved.map(({ queue, job }) => discardedJobKey(queue, job))),
      ...DECIDED_QUEUES.map((queue) => store.listDeadJobs(queue, MAX_DEAD_LETTERS)),
    ]);
    const reasons = new Map(dead.flat().map(({ queue, id, reason }) => [`${queue} ${id}`, reason]));
    for (const [i, { job, queue }] of unresolved.entries()) {
      const reason = reasons.get(`${queue} ${job}`);
      const at = discarded[i]?.value.at;
      if (at !== undefined) outcomes.set(job, { is: "discarded", at });
      else if (reason !== undefined) outcomes.set(job, { is: "set_aside", reason });
      else outcomes.set(job, { is: INTERNAL_QUEUES.includes(queue) ? "passed_on" : "waiting" });
    }
    return outcomes;
  };
}

function toMessageOutcome({ record, notice }: TelegramDelivery, message: ChatMessage | undefined): ActionOutcome {
  // The message may have been trimmed from the log already; its key contains the time at which it began.
  if (!message) return { is: "delivered", at: parseMessageStart(record) };
  const at = findShownAt(message, notice);
  if (at === undefined) return { is: "folded", message: record };
  return { is: "delivered", at, message: record, ...omitUndefined({ repeat: message.repeat ? true : undefined }) };
}

/**
 * Finds where a rule of the decision log comes from. An entry of the settings that was removed since counts as one of
 * the settings.
 */
function findRuleBasis(
  { notifications }: Pick<Settings, "notifications">,
  { rule, queue }: Pick<RequestedAction, "rule" | "queue">,
): RuleBasis {
  if (queue === "forward") return "settings";
  if (queue !== "outbox" || rule === WAITS_FOR_PERSON) return "always";
  if (notifications.some(({ name }, i) => rule === (name ?? `notifications[${i}]`))) return "settings";
  return DEFAULT_NOTIFICATION_RULES.some(({ name }) => name === rule) ? "default" : "settings";
}

function app(deps: TaskDeps): Hono {
  return new Hono().get("/", async (c) => {
    const viewer = c.get("viewer");
    const { item } = c.req.query();
    if (item && !(await seesTask(deps, viewer, item))) return answerCleanJson(c, { rows: [] });
    return answerCleanJson(c, await readDecisions(deps, viewer, c.req.query()));
  });
}

async function readDecisions(
  deps: TaskDeps,
  viewer: Viewer,
  { item, limit, before, project, language }: Record<string, string>,
) {
  const size = Math.min(Math.max(Math.trunc(Number(limit)) || DEFAULT_LIMIT, 1), MAX_LIMIT);
  const key = item && parseTaskKey(item);
  const task = key ? ((await findTaskId(deps, key)) ?? item) : item;
  const own = limitDeps(deps, viewer);
  const { rows, next } = await scanMatchingRows<DecisionRecord>(own, task ? itemDecisionSetKey(task) : decisionSet, {
    after: before || undefined,
    size,
    pageSize: project ? MAX_LIMIT : size,
    maxScanned: MAX_SCANNED,
    matches: (record) => !project || record.project.identifier === project,
  });
  const outcomes = await createOutcomeReader(deps)(rows.flatMap(({ value }) => value.actions));
  const locale = chooseLanguage(deps.settings.locale, language);
  const whys = before ? new Map<string, RenderedWhy>() : await explainRows(own, rows, locale);
  return {
    rows: await Promise.all(rows.map((row) => renderRow(deps, row, outcomes, whys.get(row.key)))),
    // The agent's session or run, with the entries of one task.
    ...omitUndefined({ next, session: task ? getSession(await readCard(deps, task)) : undefined }),
  };
}

/** @param now what happens with the task now, or why nothing does: in the newest row of an open task */
async function renderRow(
  deps: TaskDeps,
  { key, value }: StoredRow<DecisionRecord>,
  outcomes: ReadonlyMap<string, ActionOutcome>,
  now: RenderedWhy | undefined,
) {
  const { actions, event, skipped, record: _, ...rest } = value;
  const person = "who" in event ? await deps.cache.getItem<PlanePerson>(`person:${event.who}`) : undefined;
  return {
    ...{ id: key, ...rest, ...omitUndefined({ now }) },
    event: { ...event, ...omitUndefined({ name: person ? getPersonName(deps, person) : undefined }) },
    asked: actions.map(({ rule, target, queue, job }) => {
      const shownTarget = formatTarget(target);
      // The chat, the host of the other system, or the agent's name.
      const to = shownTarget.slice(shownTarget.indexOf(":") + 1);
      const basis = findRuleBasis(deps.settings, { rule, queue });
      return { rule, target: shownTarget, queue, to, basis, fate: outcomes.get(job) };
    }),
    held: skipped.map((reason) => {
      const { consumer, rule } = reason;
      const isNotification = consumer === "telegram" && rule !== undefined;
      const basis = isNotification ? findRuleBasis(deps.settings, { rule, queue: "outbox" }) : undefined;
      return { ...reason, ...omitUndefined({ basis }) };
    }),
  };
}

/** What happens with each open task of these rows, or why nothing does, by the key of its newest row. */
async function explainRows(deps: TaskDeps, rows: readonly StoredRow<DecisionRecord>[], locale: Locale) {
  const newest = new Map(rows.toReversed().map(({ key, value }) => [value.item?.id ?? "", key]));
  const found = await Promise.all([...newest.keys()].filter(Boolean).map((id) => findOpenTask(deps, id)));
  const tasks = keepDefined(found);
  const whys = await (await createExplainer(deps, locale))(tasks);
  return new Map(tasks.flatMap(({ id }, i) => (whys[i] ? [[newest.get(id) ?? "", whys[i]] as const] : [])));
}

/** Formats an action's target; of a forward URL only the host, because the rest may be secret. */
function formatTarget(target: string): string {
  const url = parseForwardTarget(target);
  return url === undefined ? target : `forward:${URL.parse(url)?.host ?? "?"}`;
}
