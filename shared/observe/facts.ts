import type { Deps } from "../deps.ts";
import { type Activity, activities } from "../plane/activities-links.ts";
import { PlaneNotFoundError } from "../plane/errors.ts";
import { type Facts, type TaskEvent, WORK_KINDS, type WorkEvent } from "../task/events.ts";
import type { KeptItem, Snapshot } from "../task/snapshot.ts";
import type { KeptCycle, KeptProject } from "./kept.ts";
import { keys, sets } from "./keys.ts";
import { labelName, type Person, person } from "./names.ts";

/** What a webhook says of who did what; it counts only where the diff found the same (rule 6). */
export interface Hint {
  /** Plane's field name, for example `state` (API) or `state_id` (browser); null for a creation. */
  field: string | null;
  value: unknown;
  actor: { id: string; name: string };
}

export type FactsDeps = Pick<Deps, "store" | "cache" | "plane" | "clock" | "settings" | "consumers">;

/** Everything a rule may want to know of an event on a work item, in names. */
export async function itemFacts(
  deps: FactsDeps,
  project: KeptProject,
  item: KeptItem,
  event: TaskEvent | WorkEvent,
  more: { hint?: Hint | undefined; comment?: Facts["comment"] } = {},
): Promise<Facts> {
  const { snapshot } = item;
  const [assignees, labels, blockers, dependants, actor] = await Promise.all([
    Promise.all(snapshot.assignees.map((id) => person(deps, id))),
    Promise.all(snapshot.labels.map((id) => labelName(deps, project.id, id))),
    blockerNames(deps, item.blockers),
    deps.store.count(sets.dependants(snapshot.id)),
    actorOf(deps, snapshot, event, more.hint),
  ]);
  const names = labels.filter((name) => name !== undefined);
  const agents = agentsOf(
    deps.settings.agents,
    assignees.filter((who) => who !== undefined),
    names,
  );
  const timeSpentMs = timeSpent(item);
  return {
    item: {
      id: snapshot.id,
      key: `${project.identifier}-${snapshot.sequence}`,
      title: snapshot.name,
      word: snapshot.word,
      priority: snapshot.priority,
      due: snapshot.due,
      url: itemUrl(deps.settings.plane, project.identifier, snapshot.sequence),
      assignees: assignees.map((who) => (who ? nameOf(deps, who) : "?")),
      ...(agents.length > 0 && { agent: agents.join(", ") }),
      labels: names,
      blockers,
      ...(timeSpentMs !== undefined && { timeSpentMs }),
      dependants,
    },
    ...projectFacts(deps, project, snapshot.updatedAt),
    ...(more.comment && { comment: more.comment }),
    ...(actor && { actor }),
  };
}

export function projectFacts(deps: Pick<Deps, "settings">, project: KeptProject, at: string): Facts {
  const { id, identifier, name } = project;
  return { project: { id, identifier, name, url: projectUrl(deps.settings.plane, id) }, at };
}

export function cycleFacts(deps: Pick<Deps, "settings">, project: KeptProject, cycle: KeptCycle, at: string): Facts {
  const { id, name, start, end, done, total } = cycle;
  return { ...projectFacts(deps, project, at), cycle: { id, name, start, end, done, total } };
}

/** The agents a task belongs to: the assignees with an agent's account; without one, those a label `agent:<name>` names. */
export function agentsOf(
  agents: readonly { name: string; email: string }[],
  assignees: readonly { name: string; email?: string }[],
  labels: readonly string[],
): string[] {
  const named = (wanted: (agent: { name: string; email: string }) => boolean) =>
    agents.filter(wanted).map((agent) => agent.name);
  const assigned = named(({ email }) => assignees.some((who) => who.email?.toLowerCase() === email.toLowerCase()));
  if (assigned.length > 0) return assigned;
  return named(({ name }) => labels.some((label) => label.toLowerCase() === `agent:${name.toLowerCase()}`));
}

/** The name people know an agent by, which is the settings' one: Plane's own is often that of the mailbox. */
export function nameOf(deps: Pick<Deps, "settings">, who: Person): string {
  return agentOf(deps, who)?.name ?? who.name;
}

function agentOf({ settings }: Pick<Deps, "settings">, { email }: Person) {
  return settings.agents.find((agent) => agent.email.toLowerCase() === email?.toLowerCase());
}

function timeSpent({ snapshot, startedAt }: KeptItem): number | undefined {
  if (startedAt === undefined || snapshot.word !== "done") return undefined;
  return Math.max(0, Date.parse(snapshot.completedAt ?? snapshot.updatedAt) - Date.parse(startedAt));
}

async function blockerNames(deps: FactsDeps, ids: readonly string[]): Promise<{ key: string; title: string }[]> {
  const items = await deps.store.read<KeptItem>(ids.map(keys.item));
  const found = items.flatMap((kept) => (kept ? [kept.value.snapshot] : []));
  const projects = await deps.store.read<KeptProject>(found.map((blocker) => keys.project(blocker.project)));
  return found.map((blocker, i) => ({
    key: `${projects[i]?.value.identifier ?? "?"}-${blocker.sequence}`,
    title: blocker.name,
  }));
}

async function actorOf(
  deps: FactsDeps,
  snapshot: Snapshot,
  event: TaskEvent | WorkEvent,
  hint: Hint | undefined,
): Promise<Facts["actor"]> {
  const known = async (id: string, name?: string) => {
    const who = await person(deps, id);
    const agent = who && agentOf(deps, who);
    return { id, name: agent?.name ?? who?.name ?? name ?? "?", isAgent: agent !== undefined };
  };
  if (event.kind === "comment_added" || event.kind === "comment_edited") {
    return event.author === null ? undefined : known(event.author);
  }
  if (hint && !isWork(event) && tellsOf(hint, snapshot, event)) return known(hint.actor.id, hint.actor.name);
  if (isWork(event) || !deps.consumers.some((consumer) => consumer.needsActor(event))) return undefined;
  const read = await lastActor(deps, snapshot, event);
  return read === undefined ? undefined : known(read);
}

/** These name who it is about themselves. */
function isWork(event: TaskEvent | WorkEvent): event is WorkEvent {
  return WORK_KINDS.some((kind) => kind === event.kind);
}

/** Plane's names of the field whose change is this event, in webhooks by API and by browser and in activities. */
function fieldsOf(event: TaskEvent): readonly string[] {
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

function tellsOf(hint: Hint, snapshot: Snapshot, event: TaskEvent): boolean {
  if (event.kind === "created") return hint.field === null;
  if (hint.field === null || !fieldsOf(event).includes(hint.field)) return false;
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
async function lastActor(deps: FactsDeps, snapshot: Snapshot, event: TaskEvent): Promise<string | undefined> {
  if (event.kind === "created") return snapshot.createdBy ?? undefined;
  if (event.kind === "blocked" || event.kind === "unblocked") return undefined;
  const wanted = fieldsOf(event);
  const isIt = ({ field, new_identifier, old_identifier }: Activity) => {
    if (field === null || !wanted.includes(field)) return false;
    if (event.kind === "assigned") return new_identifier === event.who;
    return event.kind !== "unassigned" || old_identifier === event.who;
  };
  try {
    return await latestActor(deps, snapshot, isIt);
  } catch (thrown) {
    // What is deleted has no activities any more.
    if (thrown instanceof PlaneNotFoundError) return undefined;
    throw thrown;
  }
}

async function latestActor(
  deps: FactsDeps,
  snapshot: Snapshot,
  isIt: (activity: Activity) => boolean,
): Promise<string | undefined> {
  const params = { project: snapshot.project, item: snapshot.id };
  let latest: { actor: string; createdAt: string } | undefined;
  for await (const { data } of deps.plane.pages(activities.list, { params })) {
    for (const activity of data.results) {
      if (!activity.actor || !isIt(activity)) continue;
      if (!latest || activity.created_at > latest.createdAt) {
        latest = { actor: activity.actor, createdAt: activity.created_at };
      }
    }
  }
  return latest?.actor;
}

function projectUrl(plane: { url: string; workspace: string } | undefined, id: string): string {
  return plane ? `${plane.url}/${encodeURIComponent(plane.workspace)}/projects/${id}/issues/` : "";
}

/** Where Plane shows a work item; "" without Plane. */
export function itemUrl(
  plane: { url: string; workspace: string } | undefined,
  identifier: string,
  sequence: number,
): string {
  return plane ? `${plane.url}/${encodeURIComponent(plane.workspace)}/browse/${identifier}-${sequence}/` : "";
}
