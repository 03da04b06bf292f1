import type { Deps } from "../app/deps.ts";
import { activitiesApi, type PlaneActivity } from "../plane/activities-links.ts";
import { PlaneNotFoundError, PlaneUnavailableError } from "../plane/errors.ts";
import { type TaskEvent, WORK_EVENT_KINDS, type WorkEvent } from "../task/events.ts";
import type { EventFacts } from "../task/rule-set.ts";
import type { Snapshot } from "../task/snapshot.ts";
import { findPlanePerson, type PlanePerson } from "./name-cache.ts";

type ActorDeps = Pick<Deps, "cache" | "plane" | "clock" | "settings" | "ruleSets">;

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

/** Finds the configured agent with a person's e-mail address. */
export function findAgentByEmail({ settings }: Pick<Deps, "settings">, { email }: PlanePerson) {
  return settings.agents.find((agent) => agent.email.toLowerCase() === email?.toLowerCase());
}

/**
 * Finds who caused an event: from the comment, the webhook's hint, or, when a rule needs it, the item's activities in
 * Plane.
 */
export async function findActor(
  deps: ActorDeps,
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

/**
 * Returns Plane's names of the field whose change is this event. Activities, webhooks of API changes and webhooks of
 * browser changes use different names.
 */
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

/**
 * Finds the actor of the latest activity that matches the event. Undefined for `blocked` and `unblocked`, because
 * relations of other items cause these as well and their activities do not show which change was decisive.
 */
async function readLastActor(deps: ActorDeps, snapshot: Snapshot, event: TaskEvent): Promise<string | undefined> {
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
    // A deleted item has no activities.
    if (thrown instanceof PlaneNotFoundError) return undefined;
    throw thrown;
  }
}

/** Finds the Plane user of the latest activity on an item that matches; requests all activities of the item. */
export async function findLatestActivityActor(
  deps: Pick<ActorDeps, "plane">,
  snapshot: Pick<Snapshot, "id" | "project">,
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
