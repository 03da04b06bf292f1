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
import { HOUR, type Ms } from "../../time.ts";
import type { KeptClaim } from "../claims/claims.ts";
import type { CallContext } from "../context/call-context.ts";
import type { Task } from "../tasks/find-task.ts";
import { changeTask, type ItemFields } from "./change-task.ts";
import { applyLabelChange, forgetLabels, type LabelChange } from "./project-labels.ts";

type StateDeps = Pick<Deps, "cache" | "plane" | "clock" | "settings">;

/** A state of a project, as far as choosing one needs it. */
interface ProjectState {
  id: string;
  name: string;
  group: string;
  default: boolean;
  sequence: number;
}

/** The label that says of a task what its state cannot where the project has no state called Blocked. */
const BLOCKED = "blocked";

/** States are asked for again after so long: people add some, rarely. */
const FRESH_MS: Ms = HOUR;

/**
 * The fields of a PATCH that bring a task to one of our words; none when it is there already. Its state stays when it
 * says that word by itself; `labels` come and go in the same PATCH, and all others are kept.
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
    // People add one for this call to be made again.
    await deps.cache.removeItem(statesKey(task.project.id));
    throw new GroundcrewError("conflict", `${task.project.name} has no state in Plane that means ${status}.`);
  }
  const newLabels = await applyLabelChange(deps, task.project.id, snapshot.labels, {
    add: keepDefined([...(labels.add ?? []), usesLabel ? BLOCKED : undefined]),
    drop: keepDefined([...(labels.drop ?? []), status === "blocked" ? undefined : BLOCKED]),
  });
  return omitUndefined({ state: state.id !== snapshot.state ? state.id : undefined, labels: newLabels });
}

/**
 * Brings a task to one of our words as the caller, and answers it as it is then: without a request when it is there.
 * A state or label that was deleted since they were listed is looked for once more.
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

/** The one to choose of states that mean the same: as the setting lists them, else unstarted before backlog, the default first. */
function pickState(states: readonly ProjectState[], preferred: readonly string[] = []): ProjectState | undefined {
  const getPreference = ({ name }: ProjectState) => {
    const at = preferred.findIndex((other) => other.trim().toLowerCase() === name.trim().toLowerCase());
    return at < 0 ? preferred.length : at;
  };
  const rank = (state: ProjectState) =>
    [getPreference(state), rankGroup(state.group), state.default ? 0 : 1, state.sequence] as const;
  return [...states].sort((a, b) => compareRanks(rank(a), rank(b)))[0];
}

/** Triage is no place to put a task, and what is in the backlog is not for now. */
function rankGroup(group: string): number {
  return group === "triage" ? 2 : group === "backlog" ? 1 : 0;
}

function compareRanks(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((one, i) => one !== b[i]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}

async function readProjectStates(deps: StateDeps, project: string): Promise<ProjectState[]> {
  const cached = await deps.cache.getItem<{ at: Ms; states: ProjectState[] }>(statesKey(project));
  if (cached && deps.clock() - cached.at < FRESH_MS) return cached.states;
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
