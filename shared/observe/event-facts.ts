import type { Deps } from "../app/deps.ts";
import { omitUndefined } from "../omit-undefined.ts";
import { activitiesApi, type PlaneActivity } from "../plane/activities-links.ts";
import { PlaneNotFoundError } from "../plane/errors.ts";
import { type EventFacts, type TaskEvent, WORK_EVENT_KINDS, type WorkEvent } from "../task/events.ts";
import type { KeptItem, Snapshot } from "../task/snapshot.ts";
import { findLabelName, findPlanePerson, type PlanePerson } from "./name-cache.ts";
import { observedKeys, observedSets } from "./store-keys.ts";
import type { KeptCycle, KeptProject } from "./stored-records.ts";

/** What a webhook says of who did what; it counts only where the diff found the same (rule 6). */
export interface ActorHint {
  /** Plane's field name, for example `state` (API) or `state_id` (browser); null for a creation. */
  field: string | null;
  value: unknown;
  actor: { id: string; name: string };
}

export type FactsDeps = Pick<Deps, "store" | "cache" | "plane" | "clock" | "settings" | "ruleSets">;

/** Everything a rule may want to know of an event on a work item, in names. */
export async function readItemFacts(
  deps: FactsDeps,
  project: KeptProject,
  item: KeptItem,
  event: TaskEvent | WorkEvent,
  extra: { hint?: ActorHint | undefined; comment?: EventFacts["comment"] } = {},
): Promise<EventFacts> {
  const { snapshot } = item;
  const [assignees, labels, blockers, dependants, actor] = await Promise.all([
    Promise.all(snapshot.assignees.map((id) => findPlanePerson(deps, id))),
    Promise.all(snapshot.labels.map((id) => findLabelName(deps, project.id, id))),
    readBlockerNames(deps, item.blockers),
    deps.store.count(observedSets.dependants(snapshot.id)),
    findActor(deps, snapshot, event, extra.hint),
  ]);
  const labelNames = labels.filter((name) => name !== undefined);
  const agents = findTaskAgents(
    deps.settings.agents,
    assignees.filter((who) => who !== undefined),
    labelNames,
  );
  const timeSpentMs = getTimeSpent(item);
  return {
    item: {
      id: snapshot.id,
      key: `${project.identifier}-${snapshot.sequence}`,
      title: snapshot.name,
      word: snapshot.word,
      priority: snapshot.priority,
      due: snapshot.due,
      url: formatItemUrl(deps.settings.plane, project.identifier, snapshot.sequence),
      assignees: assignees.map((who) => (who ? getPersonName(deps, who) : "?")),
      ...omitUndefined(agents.length > 0 ? { agent: agents.join(", "), agents } : {}),
      labels: labelNames,
      blockers,
      ...omitUndefined({ timeSpentMs }),
      dependants,
    },
    ...toProjectFacts(deps, project, snapshot.updatedAt),
    ...omitUndefined({ comment: extra.comment, actor }),
  };
}

export function toProjectFacts(deps: Pick<Deps, "settings">, project: KeptProject, at: string): EventFacts {
  const { id, identifier, name } = project;
  return { project: { id, identifier, name, url: formatProjectUrl(deps.settings.plane, id) }, at };
}

export function toCycleFacts(
  deps: Pick<Deps, "settings">,
  project: KeptProject,
  cycle: KeptCycle,
  at: string,
): EventFacts {
  const { id, name, start, end, done, total } = cycle;
  return { ...toProjectFacts(deps, project, at), cycle: { id, name, start, end, done, total } };
}

/** The agents a task belongs to: the assignees with an agent's account; without one, those a label `agent:<name>` names. */
export function findTaskAgents(
  agents: readonly { name: string; email: string }[],
  assignees: readonly { name: string; email?: string }[],
  labels: readonly string[],
): string[] {
  const findNames = (wanted: (agent: { name: string; email: string }) => boolean) =>
    agents.filter(wanted).map((agent) => agent.name);
  const assignedAgents = findNames(({ email }) =>
    assignees.some((who) => who.email?.toLowerCase() === email.toLowerCase()),
  );
  if (assignedAgents.length > 0) return assignedAgents;
  return findNames(({ name }) => labels.some((label) => label.toLowerCase() === `agent:${name.toLowerCase()}`));
}

/** The name people know an agent by, which is the settings' one: Plane's own is often that of the mailbox. */
export function getPersonName(deps: Pick<Deps, "settings">, person: PlanePerson): string {
  return findAgentByEmail(deps, person)?.name ?? person.name;
}

function findAgentByEmail({ settings }: Pick<Deps, "settings">, { email }: PlanePerson) {
  return settings.agents.find((agent) => agent.email.toLowerCase() === email?.toLowerCase());
}

function getTimeSpent({ snapshot, startedAt }: KeptItem): number | undefined {
  if (startedAt === undefined || snapshot.word !== "done") return undefined;
  return Math.max(0, Date.parse(snapshot.completedAt ?? snapshot.updatedAt) - Date.parse(startedAt));
}

async function readBlockerNames(deps: FactsDeps, ids: readonly string[]): Promise<{ key: string; title: string }[]> {
  const items = await deps.store.read<KeptItem>(ids.map(observedKeys.item));
  const found = items.flatMap((kept) => (kept ? [kept.value.snapshot] : []));
  const projects = await deps.store.read<KeptProject>(found.map((blocker) => observedKeys.project(blocker.project)));
  return found.map((blocker, i) => ({
    key: `${projects[i]?.value.identifier ?? "?"}-${blocker.sequence}`,
    title: blocker.name,
  }));
}

async function findActor(
  deps: FactsDeps,
  snapshot: Snapshot,
  event: TaskEvent | WorkEvent,
  hint: ActorHint | undefined,
): Promise<EventFacts["actor"]> {
  const toActor = async (id: string, name?: string) => {
    const who = await findPlanePerson(deps, id);
    const agent = who && findAgentByEmail(deps, who);
    return { id, name: agent?.name ?? who?.name ?? name ?? "?", isAgent: agent !== undefined };
  };
  if (event.kind === "comment_added" || event.kind === "comment_edited") {
    return event.author === null ? undefined : toActor(event.author);
  }
  if (hint && !isWorkEvent(event) && isHintForEvent(hint, snapshot, event))
    return toActor(hint.actor.id, hint.actor.name);
  if (isWorkEvent(event) || !deps.ruleSets.some((consumer) => consumer.needsActor(event))) return undefined;
  const actorId = await readLastActor(deps, snapshot, event);
  return actorId === undefined ? undefined : toActor(actorId);
}

/** These name who it is about themselves. */
function isWorkEvent(event: TaskEvent | WorkEvent): event is WorkEvent {
  return WORK_EVENT_KINDS.some((kind) => kind === event.kind);
}

/** Plane's names of the field whose change is this event, in webhooks by API and by browser and in activities. */
function getPlaneFields(event: TaskEvent): readonly string[] {
  switch (event.kind) {
    case "assigned":
    case "unassigned":
      return ["assignees", "assignee_ids"];
    case "renamed":
      return ["name"];
    case "due":
      return ["target_date"];
    case "priority":
      return ["priority"];
    case "removed":
    case "restored":
      return ["archived_at"];
    case "started":
    case "completed":
    case "cancelled":
    case "reopened":
    case "blocked":
    case "unblocked":
      return ["state", "state_id"];
    default:
      return [];
  }
}

function isHintForEvent(hint: ActorHint, snapshot: Snapshot, event: TaskEvent): boolean {
  if (event.kind === "created") return hint.field === null;
  if (hint.field === null || !getPlaneFields(event).includes(hint.field)) return false;
  switch (event.kind) {
    case "assigned":
      return Array.isArray(hint.value) && hint.value.includes(event.who);
    case "unassigned":
      return Array.isArray(hint.value) && !hint.value.includes(event.who);
    case "renamed":
      return hint.value === snapshot.name;
    case "due":
      return hint.value === snapshot.due;
    case "priority":
      return hint.value === snapshot.priority;
    default:
      return hint.value === snapshot.state;
  }
}

/** Who made the latest change that can be this event. Relations block and unblock, too, so of those nobody can tell. */
async function readLastActor(deps: FactsDeps, snapshot: Snapshot, event: TaskEvent): Promise<string | undefined> {
  if (event.kind === "created") return snapshot.createdBy ?? undefined;
  if (event.kind === "blocked" || event.kind === "unblocked") return undefined;
  const fields = getPlaneFields(event);
  const isMatch = ({ field, new_identifier, old_identifier }: PlaneActivity) => {
    if (field === null || !fields.includes(field)) return false;
    if (event.kind === "assigned") return new_identifier === event.who;
    return event.kind !== "unassigned" || old_identifier === event.who;
  };
  try {
    return await findLatestActivityActor(deps, snapshot, isMatch);
  } catch (thrown) {
    // What is deleted has no activities any more.
    if (thrown instanceof PlaneNotFoundError) return undefined;
    throw thrown;
  }
}

async function findLatestActivityActor(
  deps: FactsDeps,
  snapshot: Snapshot,
  isMatch: (activity: PlaneActivity) => boolean,
): Promise<string | undefined> {
  const params = { project: snapshot.project, item: snapshot.id };
  let latest: { actor: string; createdAt: string } | undefined;
  for await (const { data } of deps.plane.pages(activitiesApi.list, { params })) {
    for (const activity of data.results) {
      if (!activity.actor || !isMatch(activity)) continue;
      if (!latest || activity.created_at > latest.createdAt) {
        latest = { actor: activity.actor, createdAt: activity.created_at };
      }
    }
  }
  return latest?.actor;
}

function formatProjectUrl(plane: { url: string; workspace: string } | undefined, id: string): string {
  return plane ? `${plane.url}/${encodeURIComponent(plane.workspace)}/projects/${id}/issues/` : "";
}

/** Where Plane shows a work item; "" without Plane. */
export function formatItemUrl(
  plane: { url: string; workspace: string } | undefined,
  identifier: string,
  sequence: number,
): string {
  return plane ? `${plane.url}/${encodeURIComponent(plane.workspace)}/browse/${identifier}-${sequence}/` : "";
}
