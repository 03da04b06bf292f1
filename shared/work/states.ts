import type { Deps } from "../deps.ts";
import { GroundcrewError } from "../errors.ts";
import { learnState } from "../observe/names.ts";
import { PlaneInvalidError } from "../plane/errors.ts";
import { states as stateCalls } from "../plane/states-labels.ts";
import type { Ms } from "../store/port.ts";
import { isOpen } from "../task/diff.ts";
import type { Word } from "../task/snapshot.ts";
import { wordOf } from "../task/words.ts";
import type { Acting } from "./acting.ts";
import { changeTask, type Fields } from "./change.ts";
import type { KeptClaim } from "./claims.ts";
import type { Task } from "./find.ts";
import { forgetLabels, type LabelChange, labelsAfter } from "./labels.ts";

type StateDeps = Pick<Deps, "cache" | "plane" | "clock" | "settings">;

/** A state of a project, as far as choosing one needs it. */
interface State {
  id: string;
  name: string;
  group: string;
  default: boolean;
  sequence: number;
}

/** The label that says of a task what its state cannot where the project has no state called Blocked. */
const BLOCKED = "blocked";

/** States are asked for again after so long: people add some, rarely. */
const FRESH_MS: Ms = 3_600_000;

/**
 * The fields of a PATCH that bring a task to one of our words; none when it is there already. Its state stays when it
 * says that word by itself; `labels` come and go in the same PATCH, and all others are kept.
 */
export async function stateFor(deps: StateDeps, task: Task, word: Word, labels: LabelChange = {}): Promise<Fields> {
  const { snapshot } = task.item;
  const overrides = deps.settings.states;
  const states = await statesOf(deps, task.project.id);
  const says = (state: State) => wordOf(state, [], overrides);
  const now = states.find(({ id }) => id === snapshot.state);
  const first = (wanted: Word) =>
    firstOf(
      states.filter((state) => says(state) === wanted),
      overrides[wanted],
    );

  const stated = now && says(now) === word ? now : first(word);
  const labelled = word === "blocked" && !stated;
  const state = labelled ? (now && isOpen(says(now)) ? now : first("todo")) : stated;
  if (!state) {
    // People add one for this call to be made again.
    await deps.cache.removeItem(keyOf(task.project.id));
    throw new GroundcrewError("conflict", `${task.project.name} has no state in Plane that means ${word}.`);
  }
  const changed = await labelsAfter(deps, task.project.id, snapshot.labels, {
    add: [...(labels.add ?? []), ...(labelled ? [BLOCKED] : [])],
    drop: [...(labels.drop ?? []), ...(word === "blocked" ? [] : [BLOCKED])],
  });
  return { ...(state.id !== snapshot.state && { state: state.id }), ...(changed && { labels: changed }) };
}

/**
 * Brings a task to one of our words as the caller, and answers it as it is then: without a request when it is there.
 * A state or label that was deleted since they were listed is looked for once more.
 */
export async function bringTo(
  acting: Acting,
  task: Task,
  word: Word,
  { labels = {}, claim }: { labels?: LabelChange; claim?: KeptClaim | undefined } = {},
): Promise<Task> {
  const { deps } = acting;
  const fields = await stateFor(deps, task, word, labels);
  if (Object.keys(fields).length === 0) return task;
  try {
    return await changeTask(acting, task, fields, claim);
  } catch (thrown) {
    if (!(thrown instanceof PlaneInvalidError)) throw thrown;
    await Promise.all([deps.cache.removeItem(keyOf(task.project.id)), forgetLabels(deps, task.project.id)]);
    const others = await stateFor(deps, task, word, labels);
    if (JSON.stringify(others) === JSON.stringify(fields)) throw thrown;
    return changeTask(acting, task, others, claim);
  }
}

/** The one to choose of states that mean the same: as the setting lists them, else unstarted before backlog, the default first. */
function firstOf(states: readonly State[], named: readonly string[] = []): State | undefined {
  const place = ({ name }: State) => {
    const at = named.findIndex((other) => other.trim().toLowerCase() === name.trim().toLowerCase());
    return at < 0 ? named.length : at;
  };
  const rank = (state: State) => [place(state), later(state.group), state.default ? 0 : 1, state.sequence] as const;
  return [...states].sort((a, b) => compare(rank(a), rank(b)))[0];
}

/** Triage is no place to put a task, and what is in the backlog is not for now. */
function later(group: string): number {
  return group === "triage" ? 2 : group === "backlog" ? 1 : 0;
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((one, i) => one !== b[i]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}

async function statesOf(deps: StateDeps, project: string): Promise<State[]> {
  const known = await deps.cache.getItem<{ at: Ms; states: State[] }>(keyOf(project));
  if (known && deps.clock() - known.at < FRESH_MS) return known.states;
  const states: State[] = [];
  for await (const { data } of deps.plane.pages(stateCalls.list, { params: { project }, priority: "interactive" })) {
    for (const { id, name, group, default: isDefault, sequence } of data.results) {
      states.push({ id, name, group, default: isDefault, sequence });
      await learnState(deps, id, { name, group });
    }
  }
  await deps.cache.setItem(keyOf(project), { at: deps.clock(), states });
  return states;
}

function keyOf(project: string): string {
  return `states-of:${project}`;
}
