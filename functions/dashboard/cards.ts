/** Reads tasks as the board, the plan and the team show them. */

import type { Deps } from "../../shared/app/deps.ts";
import { keepDefined, omitUndefined } from "../../shared/omit-undefined.ts";
import type { Viewer } from "../../shared/people/viewer.ts";
import { readLiveClaims } from "../../shared/records/claim-record.ts";
import { type DecisionRecord, decisionSet } from "../../shared/records/decision-log.ts";
import type { ProjectRecord } from "../../shared/records/plane-records.ts";
import { observedKeys, observedSets } from "../../shared/records/store-keys.ts";
import { concernsPerson, createAudienceLookup, readOpenRequests } from "../../shared/requests/requests.ts";
import type { Store } from "../../shared/store/port.ts";
import { findTaskAgents, formatItemUrl } from "../../shared/sync/event-facts.ts";
import { findLabelName, findPlanePerson, type PlanePerson } from "../../shared/sync/names.ts";
import { getSubjectId } from "../../shared/task/request.ts";
import { comparePriorities, compareText, type ItemRecord, isInReview, isOpenItem } from "../../shared/task/snapshot.ts";
import { readOpenBlockers } from "../../shared/tasks/find-task.ts";
import { countUnread } from "../../shared/tasks/remark-record.ts";
import type { readPlanRuns } from "../../shared/tasks/task-counts.ts";
import { belongsToAgent } from "../../shared/tasks/views/task-list.ts";
import type { Ms } from "../../shared/time.ts";
import type { BoardCard, BoardColumn, BoardPlan } from "./answers.ts";

export type CardDeps = Pick<Deps, "settings" | "store" | "cache" | "plane" | "clock" | "log" | "wait">;

interface CardNames {
  people: Map<string, PlanePerson>;
  labels: Map<string, string>;
}

/** Timeout for names from Plane: 800 ms. Missing names are left out and appear with the next request. */
const NAME_LOOKUP_TIMEOUT_MS: Ms = 800;

/** Limit of open items that are read for one board, over all projects; people cannot survey more. */
const MAX_OPEN_ITEMS = 1_000;

/** Limit of decisions that are searched for closed items. */
const MAX_DECISIONS_SCANNED = 1_000;

const MAX_CLOSED_ITEMS = 40;

/** Reads the cards of these items. Only names that are not cached are requested from Plane, with a short timeout. */
export async function readCards(
  deps: CardDeps,
  projects: readonly ProjectRecord[],
  items: readonly ItemRecord[],
): Promise<BoardCard[]> {
  const identifiers = new Map(projects.map(({ id, identifier }) => [id, identifier]));
  const ids = items.map(({ snapshot }) => snapshot.id);
  const [names, blockers, claims, unread] = await Promise.all([
    readNames(deps, items),
    readOpenBlockers(deps, items),
    readLiveClaims(deps, ids),
    countUnread(deps, ids),
  ]);
  return items.map((item, i) => {
    const claim = claims[i];
    const { snapshot } = item;
    const { id, project, sequence, status, priority, due } = snapshot;
    const identifier = identifiers.get(project) ?? "?";
    const assignees = snapshot.assignees.flatMap((personId) => names.people.get(personId) ?? []);
    const labels = snapshot.labels.flatMap((labelId) => names.labels.get(labelId) ?? []);
    const agents = findTaskAgents(deps.settings.agents, assignees, labels);
    return {
      id,
      key: `${identifier}-${sequence}`,
      title: snapshot.name,
      project: identifier,
      column: toBoardColumn(item),
      word: status,
      priority,
      due,
      ...omitUndefined({
        agent: agents.length > 0 ? agents.join(", ") : undefined,
        held: claim ? { by: claim.agent, since: claim.since, until: claim.until } : undefined,
        review: isInReview(item) ? (true as const) : undefined,
        unread: unread[i] || undefined,
      }),
      assignees: assignees.map((person) => person.name),
      labels,
      blockers: keepDefined(item.blockers.map((blocker) => blockers.get(blocker))).map(({ id, key, title }) => {
        return { id, key, title };
      }),
      url: formatItemUrl(deps.settings.plane, identifier, sequence),
      at: snapshot.completedAt ?? snapshot.updatedAt,
    };
  });
}

/**
 * Creates the check of what the board and the list of idle tasks are filtered by, besides the project and the status. A
 * person's own tasks are assigned to them, created by them, or a request about them waits for the person.
 */
export async function createItemFilter(
  deps: Pick<Deps, "store" | "settings">,
  { agent, mine }: Record<string, string>,
  { id }: Viewer,
): Promise<(item: ItemRecord) => boolean> {
  const waiting = mine && id !== undefined ? await readWaitingItems(deps, id) : undefined;
  const isOwn = ({ snapshot: { id: item, assignees, createdBy } }: ItemRecord) =>
    id !== undefined && (assignees.includes(id) || createdBy === id || waiting?.has(item) === true);
  return (item) => (!agent || belongsToAgent(item.owners ?? [], agent)) && (!mine || isOwn(item));
}

/** Reads the items about which a request waits for this person. */
async function readWaitingItems(deps: Pick<Deps, "store" | "settings">, person: string): Promise<Set<string>> {
  const requests = await readOpenRequests(deps);
  const findAudience = await createAudienceLookup(deps);
  const circles = await Promise.all(requests.map(findAudience));
  return new Set(requests.filter((_, i) => concernsPerson(circles[i] ?? [], person)).map(getSubjectId));
}

/** Reads names one after the other: the first one that is not cached loads the whole list that contains it. */
async function readNames(deps: CardDeps, items: readonly ItemRecord[]): Promise<CardNames> {
  const names: CardNames = { people: new Map(), labels: new Map() };
  const lookup = new AbortController();
  async function readAll() {
    for (const { snapshot } of items) {
      for (const id of snapshot.assignees) {
        if (lookup.signal.aborted) return;
        const found = names.people.get(id) ?? (await findPlanePerson(deps, id));
        if (found) names.people.set(id, found);
      }
      for (const id of snapshot.labels) {
        if (lookup.signal.aborted) return;
        const found = names.labels.get(id) ?? (await findLabelName(deps, snapshot.project, id));
        if (found !== undefined) names.labels.set(id, found);
      }
    }
  }
  const timeout = new AbortController();
  // Failures of Plane appear in its health; here they only leave names out.
  await Promise.race([readAll().catch(() => {}), deps.wait(NAME_LOOKUP_TIMEOUT_MS, timeout.signal)]);
  timeout.abort();
  lookup.abort();
  return names;
}

/** Reads the open items of these projects up to the limit, and the number of items beyond it. */
export async function readOpenItems(
  store: Pick<Store, "scan" | "count">,
  projects: readonly ProjectRecord[],
): Promise<{ items: ItemRecord[]; beyond: number }> {
  const items: ItemRecord[] = [];
  let total = 0;
  for (const { id } of projects) {
    total += await store.count(observedSets.open(id));
    if (items.length >= MAX_OPEN_ITEMS) continue;
    const { rows } = await store.scan<ItemRecord>(observedSets.open(id), undefined, MAX_OPEN_ITEMS - items.length);
    items.push(...rows.map((row) => row.value));
  }
  return { items, beyond: total - items.length };
}

/** Reads the items of these projects that were closed within the retention of the decision log (7 days), latest first. */
export async function readRecentlyClosedItems(
  store: Pick<Store, "scan" | "read">,
  projects: readonly ProjectRecord[],
): Promise<ItemRecord[]> {
  const ids = new Set<string>();
  const { rows } = await store.scan<DecisionRecord>(decisionSet, undefined, MAX_DECISIONS_SCANNED);
  for (const { value } of rows) {
    const isClosing = value.event.kind === "completed" || value.event.kind === "cancelled";
    const isInProject = projects.some(({ identifier }) => identifier === value.project.identifier);
    if (isClosing && isInProject && value.item && ids.size < MAX_CLOSED_ITEMS) ids.add(value.item.id);
  }
  const stored = await store.read<ItemRecord>([...ids].map(observedKeys.item));
  return stored.flatMap((item) => {
    const status = item?.value.snapshot.status;
    return item && item.value.removedAt === undefined && (status === "done" || status === "cancelled")
      ? [item.value]
      : [];
  });
}

/** A plan whose steps are done is complete once its tasks are closed. */
export async function toBoardPlan(
  store: Pick<Store, "read">,
  { id, title, project, state, done, total, reason, items }: Awaited<ReturnType<typeof readPlanRuns>>[number],
): Promise<BoardPlan> {
  const plan = { id, title, project, reason };
  if (state !== "done") return { ...plan, state, done, total, unit: "steps" };
  const open = (await store.read<ItemRecord>(items.map(observedKeys.item))).filter(
    (row) => row && isOpenItem(row.value),
  );
  const closed = items.length - open.length;
  return { ...plan, state: open.length > 0 ? "working" : "done", done: closed, total: items.length, unit: "tasks" };
}

/** The column of an item: it is blocked by its state or by an open blocker. */
export function toBoardColumn({ snapshot, blockers }: ItemRecord): BoardColumn {
  const { status } = snapshot;
  if (status === "done" || status === "cancelled") return "done";
  return blockers.length > 0 ? "blocked" : status;
}

/** Sorts cards by priority, due date and age; done cards by completion, latest first. */
export function compareCards(a: BoardCard, b: BoardCard): number {
  if (a.column === "done" && b.column === "done") return compareText(b.at, a.at);
  return (
    comparePriorities(a, b) ||
    compareText(a.due ?? "9", b.due ?? "9") ||
    compareText(a.at, b.at) ||
    compareText(a.id, b.id)
  );
}
