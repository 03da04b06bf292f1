/**
 * What follows from the events of a change. Every rule set is asked about each event with its facts: names instead of
 * ids, the agents of the task, and who caused the change, which Plane says in a webhook's hint or in the item's
 * activities. The jobs and the entries of the decision log are written in the commit of the change, so that it is never
 * decided twice and never lost.
 */

import { readTaskFigures, type TimeEntriesRecord } from "../accounting/time-entries.ts";
import type { Deps, FactsDeps } from "../app/deps.ts";
import { type Json, keepDefined, omitUndefined } from "../omit-undefined.ts";
import { PlaneNotFoundError, PlaneUnavailableError } from "../plane/errors.ts";
import type { PlaneActivity } from "../plane/work-items.ts";
import { createDecisionPut, type RequestedAction, toDecisionSubject } from "../records/decision-log.ts";
import { type CycleRecord, isBlockedByDependency, type ProjectRecord } from "../records/plane-records.ts";
import { observedKeys, observedSets } from "../records/store-keys.ts";
import { readTaskResult } from "../records/task-records.ts";
import type { Job, Put, Revision, StoreKey } from "../store/port.ts";
import { type AnyEvent, type TaskEvent, toEventId, WORK_EVENT_KINDS, type WorkEvent } from "../task/events.ts";
import { type EventFacts, getEventProject } from "../task/rule-set.ts";
import type { ItemRecord, Snapshot } from "../task/snapshot.ts";
import { findLabelName, findManagedLabelName, findPlanePerson, type PlanePerson, RECURRING_LABEL } from "./names.ts";
import { readActivities } from "./spare-reads.ts";

/**
 * A webhook's statement of who changed which field; it counts only when the diff found the same change (observation
 * rule 6).
 */
export interface ActorHint {
  /** Plane's field name, for example `state` (API) or `state_id` (browser); null for a creation. */
  field: string | null;
  value: unknown;
  actor: { id: string; name: string };
}

/** The context of an observation. */
export interface ObservationSource {
  project: ProjectRecord;
  correlation: string;
  /** Identifies the observation, so that repeating it queues no second read. */
  cause: string;
  hint?: ActorHint | undefined;
  /**
   * Plane's time: an unknown item created since then is new, an older one existed before. Default: the project's
   * `began`.
   */
  newSince?: string;
}

interface RecordChange<E extends AnyEvent> {
  /** The record that changed and the revision that the change replaces; together they identify the change. */
  key: StoreKey;
  rev: Revision;
  events: readonly E[];
  correlation: string;
  via: string;
  facts: (event: E) => Promise<EventFacts>;
  /** The writes of the change itself, and its other jobs. */
  put?: readonly Put[];
  jobs?: readonly Job[];
}

/** What of a work item a change concerns, as far as events follow from it. */
type ChangedField = "state" | "assignees" | "labels" | "name" | "priority" | "due" | "archived";

type PlaneAddress = Pick<NonNullable<Deps["settings"]["plane"]>, "url" | "workspace">;

/** Plane's names of these fields, which differ between activities, webhooks of API and of browser changes. */
const CHANGED_FIELDS: ReadonlyMap<string | null, ChangedField> = new Map<string | null, ChangedField>([
  ["state", "state"],
  ["state_id", "state"],
  ["assignees", "assignees"],
  ["assignee_ids", "assignees"],
  ["labels", "labels"],
  ["label_ids", "labels"],
  ["name", "name"],
  ["priority", "priority"],
  ["target_date", "due"],
  ["archived_at", "archived"],
]);

/** The field whose change an event is. */
const FIELDS_BY_EVENT: Partial<Record<TaskEvent["kind"], ChangedField>> = {
  assigned: "assignees",
  unassigned: "assignees",
  renamed: "name",
  due: "due",
  priority: "priority",
  removed: "archived",
  restored: "archived",
  started: "state",
  completed: "state",
  cancelled: "state",
  reopened: "state",
  blocked: "state",
  unblocked: "state",
};

/** The label of a task that an agent has finished and a human must review. */
export const REVIEW_LABEL = "review";

/**
 * Runs every rule set on the events of a change and returns the commit of that change: its own writes, the jobs of all
 * actions, and the entries of the decision log, for each event the actions taken or skipped, with the reasons. A job's
 * id is `key:rev:event:target`, so deciding the same change twice gives the same jobs. Log lines and metrics are
 * written once the commit has succeeded.
 */
export async function prepareChange<E extends AnyEvent>(
  deps: Pick<Deps, "ruleSets" | "log" | "metrics" | "clock">,
  change: RecordChange<E>,
): Promise<{ put: Put[]; jobs: Job[]; afterCommit: () => void }> {
  const { key: record, rev, via, correlation } = change;
  const jobs: Job[] = [];
  const entries: Put[] = [];
  const decided: { event: AnyEvent; label: string; actions: string[] }[] = [];
  for (const event of change.events) {
    const facts = await change.facts(event);
    const itemRev = facts.item && record === observedKeys.item(facts.item.id) ? rev : undefined;
    const actions = deps.ruleSets.flatMap((ruleSet) =>
      ruleSet
        .decide(event, facts, correlation, itemRev)
        .map((action) => ({ ...action, isInternal: ruleSet.isInternal })),
    );
    const requested: RequestedAction[] = [];
    for (const { target, queue, lane, body, rule, isInternal } of actions) {
      const job = `${record}:${rev}:${toEventId(event)}:${target}`;
      // Bodies contain JSON values only, but TypeScript cannot check that for types declared as interfaces.
      jobs.push({ id: job, queue, lane, body: body as unknown as Json });
      // The decision log shows decisions that concern people and agents; internal jobs only synchronize state.
      if (!isInternal) requested.push({ rule, target, queue, job });
    }
    const skipped = deps.ruleSets.flatMap((ruleSet) => ruleSet.explainSkips?.(event, facts) ?? []);
    const subject = { record, rev, event, ...toDecisionSubject(event, facts), via, correlation };
    entries.push(createDecisionPut({ at: deps.clock(), ...subject, actions: requested, skipped }));
    const label =
      facts.item?.key ?? facts.cycle?.name ?? facts.project?.identifier ?? getEventProject(event, facts).name;
    decided.push({ event, label, actions: actions.map((action) => `${action.rule} → ${action.target}`) });
  }
  const afterCommit = () => {
    for (const { event, label, actions } of decided) {
      deps.log.info("event", { correlation, via, record, item: label, event: event.kind, actions });
      deps.metrics.count("groundcrew_events_total", { event: event.kind });
    }
    for (const job of jobs) deps.metrics.count("groundcrew_actions_total", { target: job.queue });
  };
  return { put: [...(change.put ?? []), ...entries], jobs: [...jobs, ...(change.jobs ?? [])], afterCommit };
}

/** Reads the facts that rules may need about an event on a work item, with names instead of ids. */
export async function readItemFacts(
  deps: FactsDeps,
  project: ProjectRecord,
  item: ItemRecord,
  event: TaskEvent | WorkEvent,
  extra: {
    hint?: ActorHint | undefined;
    comment?: EventFacts["comment"];
    /** The item's times after the change, if it stops the timer. */
    times?: TimeEntriesRecord;
  } = {},
): Promise<EventFacts> {
  const { snapshot } = item;
  const [{ people, labels, managedLabels }, blockers, dependants, actor, blockedByDependency, figures] =
    await Promise.all([
      readNames(deps, snapshot),
      readBlockerNames(deps, item.blockers),
      deps.store.count(observedSets.dependants(snapshot.id)),
      findActor(deps, snapshot, event, extra.hint),
      event.kind === "blocked" ? isBlockedByDependency(deps, snapshot.id) : false,
      snapshot.status === "done" ? readTaskFigures(deps, snapshot.id, extra.times) : {},
    ]);
  const agents = findTaskAgents(deps.settings.agents, keepDefined(people), managedLabels);
  const isCompletion = snapshot.status === "done" && event.kind === "completed";
  const result = isCompletion ? await readTaskResult(deps, item) : undefined;
  return {
    item: {
      id: snapshot.id,
      key: `${project.identifier}-${snapshot.sequence}`,
      title: snapshot.name,
      word: snapshot.status,
      priority: snapshot.priority,
      due: snapshot.due,
      url: formatItemUrl(deps.settings.plane, project.identifier, snapshot.sequence),
      assignees: people.map((person) => (person ? getPersonName(deps, person) : "?")),
      ...(agents.length > 0 ? { agent: agents.join(", "), agents } : {}),
      labels,
      blockers,
      ...figures,
      ...omitUndefined({ result, blockedByDependency: blockedByDependency || undefined }),
      dependants,
    },
    ...toProjectFacts(deps, project, snapshot.updatedAt),
    ...omitUndefined({ comment: extra.comment, actor }),
  };
}

async function readBlockerNames(deps: FactsDeps, ids: readonly string[]): Promise<{ key: string; title: string }[]> {
  const items = await deps.store.read<ItemRecord>(ids.map(observedKeys.item));
  const found = items.flatMap((stored) => (stored ? [stored.value.snapshot] : []));
  const projects = await deps.store.read<ProjectRecord>(found.map((blocker) => observedKeys.project(blocker.project)));
  return found.map((blocker, i) => ({
    key: `${projects[i]?.value.identifier ?? "?"}-${blocker.sequence}`,
    title: blocker.name,
  }));
}

/**
 * Finds who caused an event: from the comment, the webhook's hint, or, when a rule needs it, the item's activities in
 * Plane.
 */
async function findActor(
  deps: FactsDeps,
  snapshot: Snapshot,
  event: TaskEvent | WorkEvent,
  hint: ActorHint | undefined,
): Promise<EventFacts["actor"]> {
  const isNeeded = !isWorkEvent(event) && deps.ruleSets.some((ruleSet) => ruleSet.needsActor(event));
  const toActor = async (id: string, name?: string) => {
    const person = await findPlanePerson(deps, id).catch((thrown: unknown) => {
      // The webhook's name suffices while Plane is down, unless a rule must know whether the actor is an agent.
      const suffices = name !== undefined && (!isNeeded || deps.settings.agents.length === 0);
      if (thrown instanceof PlaneUnavailableError && suffices) return undefined;
      throw thrown;
    });
    const agent = person && findAgentByEmail(deps, person);
    return { id, name: agent?.name ?? person?.name ?? name ?? "?", isAgent: agent !== undefined };
  };
  if (event.kind === "comment_added" || event.kind === "comment_edited") {
    return event.author === null ? undefined : toActor(event.author);
  }
  if (hint && !isWorkEvent(event) && isHintForEvent(hint, snapshot, event))
    return toActor(hint.actor.id, hint.actor.name);
  if (isWorkEvent(event) || !isNeeded) return undefined;
  const actorId = await readLastActor(deps, snapshot, event);
  return actorId === undefined ? undefined : toActor(actorId);
}

/** Work events carry their own actor. */
function isWorkEvent(event: TaskEvent | WorkEvent): event is WorkEvent {
  return WORK_EVENT_KINDS.some((kind) => kind === event.kind);
}

function isHintForEvent({ field, value }: ActorHint, snapshot: Snapshot, event: TaskEvent): boolean {
  if (event.kind === "created") return field === null;
  const changed = FIELDS_BY_EVENT[event.kind];
  if (changed === undefined || changed === "archived" || toChangedField(field) !== changed) return false;
  if ("who" in event) return Array.isArray(value) && value.includes(event.who) === (event.kind === "assigned");
  return value === snapshot[changed];
}

/**
 * Finds the actor of the latest activity that matches the event. Undefined for `blocked` and `unblocked`, because
 * relations of other items cause these as well and their activities do not show which change was decisive.
 */
async function readLastActor(deps: FactsDeps, snapshot: Snapshot, event: TaskEvent): Promise<string | undefined> {
  if (event.kind === "created") return snapshot.createdBy ?? undefined;
  if (event.kind === "blocked" || event.kind === "unblocked") return undefined;
  const changed = FIELDS_BY_EVENT[event.kind];
  const isMatch = ({ field, new_identifier, old_identifier }: PlaneActivity) => {
    if (changed === undefined || toChangedField(field) !== changed) return false;
    if (event.kind === "assigned") return new_identifier === event.who;
    return event.kind !== "unassigned" || old_identifier === event.who;
  };
  try {
    return await findLatestActivityActor(deps, snapshot, isMatch);
  } catch (thrown) {
    // A deleted item has no activities.
    if (thrown instanceof PlaneNotFoundError) return undefined;
    throw thrown;
  }
}

export function toProjectFacts(deps: Pick<Deps, "settings">, project: ProjectRecord, at: string): EventFacts {
  const { id, identifier, name } = project;
  return { project: { id, identifier, name, url: formatPlaneUrl(deps.settings.plane, `projects/${id}/issues`) }, at };
}

export function toCycleFacts(
  deps: Pick<Deps, "settings">,
  project: ProjectRecord,
  cycle: CycleRecord,
  at: string,
): EventFacts {
  const { id, name, start, end, done, total } = cycle;
  return { ...toProjectFacts(deps, project, at), cycle: { id, name, start, end, done, total } };
}

/**
 * Returns the agents a task belongs to: assignees with an agent's account, else the agents named by labels
 * `agent:<name>`.
 */
export function findTaskAgents(
  agents: readonly { name: string; email: string }[],
  assignees: readonly { name: string; email?: string }[],
  labels: readonly string[],
): string[] {
  const findNames = (wanted: (agent: { name: string; email: string }) => boolean) =>
    agents.filter(wanted).map((agent) => agent.name);
  const assignedAgents = findNames(({ email }) =>
    assignees.some((person) => person.email?.toLowerCase() === email.toLowerCase()),
  );
  if (assignedAgents.length > 0) return assignedAgents;
  return findNames(({ name }) => labels.some((label) => label.toLowerCase() === `agent:${name.toLowerCase()}`));
}

/**
 * Sets the agents an item belongs to (OPENCLAW-10) and whether it is in review. Computed only when its assignees or
 * labels have changed. Names are cached with every observation, so this rarely sends a request to Plane, and never when
 * no agents are configured.
 */
export async function resolveOwnership(
  deps: FactsDeps,
  before: ItemRecord | undefined,
  next: ItemRecord,
): Promise<ItemRecord> {
  const serialize = ({ snapshot: { assignees, labels } }: ItemRecord) => JSON.stringify([assignees, labels]);
  return before?.owners && serialize(before) === serialize(next) ? next : computeOwnership(deps, next);
}

/**
 * Returns the item with the owners and the review state that follow from its present assignees and labels. A template
 * of recurring work has neither.
 */
export async function computeOwnership(
  deps: FactsDeps,
  { owners: _owners, review: _review, template: _template, ...item }: ItemRecord,
): Promise<ItemRecord> {
  if (deps.settings.agents.length === 0 && item.snapshot.labels.length === 0) return { ...item, owners: [] };
  const { people, managedLabels } = await readNames(deps, item.snapshot);
  const isTemplate = managedLabels.some((name) => name.trim().toLowerCase() === RECURRING_LABEL);
  if (isTemplate) return { ...item, owners: [], template: true };
  const owners = findTaskAgents(deps.settings.agents, keepDefined(people), managedLabels);
  const isInReview = managedLabels.some((name) => name.trim().toLowerCase() === REVIEW_LABEL);
  return { ...item, owners, ...omitUndefined({ review: isInReview || undefined }) };
}

/** Reads the names of an item's assignees, in order, of its labels, and those by which its labels count. */
async function readNames(deps: FactsDeps, { project, assignees, labels }: Snapshot) {
  const [people, names, managedNames] = await Promise.all([
    Promise.all(assignees.map((id) => findPlanePerson(deps, id))),
    Promise.all(labels.map((id) => findLabelName(deps, project, id))),
    Promise.all(labels.map((id) => findManagedLabelName(deps, project, id))),
  ]);
  return { people, labels: keepDefined(names), managedLabels: keepDefined(managedNames) };
}

/**
 * Returns an agent's name from the settings, because its display name in Plane is often derived from the mailbox; else
 * Plane's.
 */
export function getPersonName(deps: Pick<Deps, "settings">, person: PlanePerson): string {
  return findAgentByEmail(deps, person)?.name ?? person.name;
}

/** Formats the address of a work item in Plane's web interface; "" when Plane is not configured. */
export function formatItemUrl(plane: PlaneAddress | undefined, identifier: string, sequence: number): string {
  return formatPlaneUrl(plane, `browse/${identifier}-${sequence}`);
}

function formatPlaneUrl(plane: PlaneAddress | undefined, path: string): string {
  return plane ? `${plane.url}/${encodeURIComponent(plane.workspace)}/${path}/` : "";
}

/** Finds the configured agent with a person's e-mail address. */
export function findAgentByEmail({ settings }: Pick<Deps, "settings">, { email }: PlanePerson) {
  return settings.agents.find((agent) => agent.email.toLowerCase() === email?.toLowerCase());
}

/** Finds the Plane user of the latest activity on an item that matches; requests all activities of the item. */
export async function findLatestActivityActor(
  deps: Pick<FactsDeps, "plane">,
  snapshot: Pick<Snapshot, "id" | "project">,
  isMatch: (activity: PlaneActivity) => boolean,
): Promise<string | undefined> {
  const { rows } = await readActivities(deps, snapshot);
  const matches = rows.filter((activity) => activity.actor !== null && isMatch(activity));
  const latest = matches.sort((a, b) => (a.created_at < b.created_at ? -1 : 1)).at(-1);
  return latest?.actor ?? undefined;
}

/** Returns the field that Plane names in an activity or a webhook; undefined for fields that cause no events. */
export function toChangedField(name: string | null): ChangedField | undefined {
  return CHANGED_FIELDS.get(name);
}

/**
 * Whether a change was made at `since` (Plane's time) or later. The time of the request counts where Plane tells it:
 * the worker may write the activity of an older change later.
 */
export function isActivitySince({ epoch, created_at }: PlaneActivity, since: string): boolean {
  return epoch ? epoch * 1000 >= Date.parse(since) : created_at >= since;
}
