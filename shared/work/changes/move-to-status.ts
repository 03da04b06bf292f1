import type { Deps } from "../../app/deps.ts";
import { GroundcrewError } from "../../errors.ts";
import { keepDefined } from "../../keep-defined.ts";
import { cacheState } from "../../observe/name-cache.ts";
import { omitUndefined } from "../../omit-undefined.ts";
import { PlaneInvalidError } from "../../plane/errors.ts";
import { statesApi as stateCalls } from "../../plane/states-labels.ts";
import { isOpen } from "../../task/diff.ts";
import type { Status } from "../../task/snapshot.ts";
import { toStatus } from "../../task/status.ts";
import { HOUR, isRecent, type Ms } from "../../time.ts";
import type { KeptClaim } from "../claims/find-claim.ts";
import type { CallContext } from "../context/call-context.ts";
import type { Task } from "../tasks/find-task.ts";
import { changeTask, type ItemFields } from "./change-task.ts";
import { applyLabelChange, forgetLabels, type LabelChange } from "./project-labels.ts";

type StateDeps = Pick<Deps, "cache" | "plane" | "clock" | "settings">;

/** The fields of a project's state that are needed to choose one. */
interface ProjectState {
  id: string;
  name: string;
  group: string;
  default: boolean;
  sequence: number;
}

/** The label that marks a task as blocked where the project has no state for it. */
const BLOCKED_LABEL = "blocked";

/** Retention of a project's cached states: 1 h, because people rarely add states. */
const STATES_CACHE_MS: Ms = HOUR;

/**
 * The fields of a PATCH that move a task to a status; none when it has that status already. The state stays when it
 * means the status by itself. `labels` are added and removed in the same PATCH; all other labels stay. Throws
 * `conflict` when no state of the project means the status.
 */
export async function createStatusFields(
  deps: StateDeps,
  task: Task,
  status: Status,
  labels: LabelChange = {},
): Promise<ItemFields> {
  const { snapshot } = task.item;
  const overrides = deps.settings.states;
  const states = await readProjectStates(deps, task.project.id);
  const getStateStatus = (state: ProjectState) => toStatus(state, [], overrides);
  const currentState = states.find(({ id }) => id === snapshot.state);
  const pickFirst = (wanted: Status) =>
    pickState(
      states.filter((state) => getStateStatus(state) === wanted),
      overrides[wanted],
    );

  const matchingState = currentState && getStateStatus(currentState) === status ? currentState : pickFirst(status);
  const usesLabel = status === "blocked" && !matchingState;
  const state = usesLabel
    ? currentState && isOpen(getStateStatus(currentState))
      ? currentState
      : pickFirst("todo")
    : matchingState;
  if (!state) {
    // People will add a state before they repeat the call, so the cached ones must not be used then.
    await deps.cache.removeItem(statesKey(task.project.id));
    throw new GroundcrewError(
      "conflict",
      `No state of ${task.project.name} in Plane means ${status}. A person must add one.`,
      { refusal: { name: "noState", values: { project: task.project.name, status } } },
    );
  }
  const newLabels = await applyLabelChange(deps, task.project.id, snapshot.labels, {
    add: keepDefined([...(labels.add ?? []), usesLabel ? BLOCKED_LABEL : undefined]),
    drop: keepDefined([...(labels.drop ?? []), status === "blocked" ? undefined : BLOCKED_LABEL]),
  });
  return omitUndefined({ state: state.id !== snapshot.state ? state.id : undefined, labels: newLabels });
}

/** Finds the id of the state for tasks that an agent may start: one that means todo and is not in the group Backlog. */
export async function findReadyState(deps: StateDeps, project: string): Promise<string | undefined> {
  const overrides = deps.settings.states;
  const states = await readProjectStates(deps, project);
  const ready = states.filter((state) => state.group !== "backlog" && toStatus(state, [], overrides) === "todo");
  return pickState(ready, overrides.todo)?.id;
}

/**
 * Moves a task to a status as the caller and returns the updated task. Makes no request when the task has the status
 * already. When a cached state or label has been deleted in Plane, tries once more with fresh ones.
 */
export async function moveToStatus(
  context: CallContext,
  task: Task,
  status: Status,
  { labels = {}, claim }: { labels?: LabelChange; claim?: KeptClaim | undefined } = {},
): Promise<Task> {
  const { deps } = context;
  const fields = await createStatusFields(deps, task, status, labels);
  if (Object.keys(fields).length === 0) return task;
  try {
    return await changeTask(context, task, fields, claim);
  } catch (thrown) {
    if (!(thrown instanceof PlaneInvalidError)) throw thrown;
    await Promise.all([deps.cache.removeItem(statesKey(task.project.id)), forgetLabels(deps, task.project.id)]);
    const freshFields = await createStatusFields(deps, task, status, labels);
    if (JSON.stringify(freshFields) === JSON.stringify(fields)) throw thrown;
    return changeTask(context, task, freshFields, claim);
  }
}

/**
 * Chooses among states that mean the same: in the setting's order, else unstarted before backlog, the default first.
 */
function pickState(states: readonly ProjectState[], preferred: readonly string[] = []): ProjectState | undefined {
  const getPreference = ({ name }: ProjectState) => {
    const at = preferred.findIndex((other) => other.trim().toLowerCase() === name.trim().toLowerCase());
    return at < 0 ? preferred.length : at;
  };
  const rank = (state: ProjectState) =>
    [getPreference(state), rankGroup(state.group), state.default ? 0 : 1, state.sequence] as const;
  return [...states].sort((a, b) => compareRanks(rank(a), rank(b)))[0];
}

/** Ranks triage last, because tasks are not put there, and the backlog before it, because its tasks are not due yet. */
function rankGroup(group: string): number {
  return group === "triage" ? 2 : group === "backlog" ? 1 : 0;
}

function compareRanks(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((part, i) => part !== b[i]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}

async function readProjectStates(deps: StateDeps, project: string): Promise<ProjectState[]> {
  const cached = await deps.cache.getItem<{ at: Ms; states: ProjectState[] }>(statesKey(project));
  if (cached && isRecent(cached.at, STATES_CACHE_MS, deps.clock())) return cached.states;
  const states: ProjectState[] = [];
  for await (const { data } of deps.plane.pages(stateCalls.list, { params: { project }, priority: "interactive" })) {
    for (const { id, name, group, default: isDefault, sequence } of data.results) {
      states.push({ id, name, group, default: isDefault, sequence });
      await cacheState(deps, id, { name, group });
    }
  }
  await deps.cache.setItem(statesKey(project), { at: deps.clock(), states });
  return states;
}

function statesKey(project: string): string {
  return `states-of:${project}`;
}
