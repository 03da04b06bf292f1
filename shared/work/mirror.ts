import { labelName, personByEmail } from "../observe/names.ts";
import type { Job } from "../store/port.ts";
import { CONFIRM_AFTER_MS } from "../task/accept.ts";
import { isOpen } from "../task/diff.ts";
import type { KeptItem } from "../task/snapshot.ts";
import { type Acting, actFor, type WorkDeps } from "./acting.ts";
import { changeTask, type Fields } from "./change.ts";
import { keptTask, readNow, type Task } from "./find.ts";
import { workJob } from "./jobs.ts";
import { workKeys } from "./keys.ts";
import { labelsAfter } from "./labels.ts";
import { withLabels } from "./making.ts";
import { HOUSE } from "./refusals.ts";

/** Which agents' labels and assignees were last in step on an item. */
interface KeptMirror {
  inStep: string[];
  /** Plane did not take them as assignees: their accounts are no members of the project. */
  refused: string[];
}

const NOTHING: KeptMirror = { inStep: [], refused: [] };

/** An agent as one item shows it. */
interface Side {
  agent: string;
  assigned: boolean;
  labelled: boolean;
}

/** What brings an item in step. */
interface Steps {
  assign: string[];
  label: string[];
  unlabel: string[];
}

/**
 * Brings the labels `agent:<name>` of an item in step with the agents it is assigned to (OPENCLAW-10). An assigned
 * agent gets its label. A label alone assigns its agent; one that was in step before goes, because the agent was
 * taken off the item. Everything else people have put on the item stays. Answers when to look again, if it cannot be
 * told yet: while an edit is under way Plane shows no assignees or labels for a moment.
 */
export async function mirror(
  deps: WorkDeps,
  { item, correlation }: { item: string; correlation: string },
): Promise<{ retryAt: number } | undefined> {
  const seen = await openTask(deps, item);
  if (!seen) return undefined;
  const [kept] = await deps.store.read<KeptMirror>([workKeys.mirror(item)]);
  const before = kept?.value ?? NOTHING;
  const accounts = await accountsOf(deps);
  const shown = await sidesOf(deps, seen.item, accounts);
  if (isNothing(stepsFor(shown, before))) {
    await remember(deps, item, before, shown);
    return undefined;
  }
  // What else is on the item is written back with the lists, so it must be what is there now.
  const acting = actFor(deps, { name: HOUSE, role: "human" }, correlation);
  await readNow(acting, seen);
  const task = await openTask(deps, item);
  if (!task) return undefined;
  const { doubt } = task.item;
  if (doubt?.assignees !== undefined || doubt?.labels !== undefined)
    return { retryAt: (await deps.store.now()) + 2 * CONFIRM_AFTER_MS };
  const steps = stepsFor(await sidesOf(deps, task.item, accounts), before);
  const after = await withLabels(acting, task.project, () => take(acting, task, steps));
  const sides = await sidesOf(deps, after.item, accounts);
  const refused = steps.assign.filter((agent) => !sides.some((side) => side.agent === agent && side.assigned));
  for (const agent of refused)
    deps.log.warn("agent cannot be assigned: its account is no member of the project", { item: task.key, agent });
  await remember(deps, item, { ...before, refused: [...before.refused, ...refused] }, sides);
  return undefined;
}

/** The agents that have an account in Plane, with its id. */
export type Accounts = ReadonlyMap<string, string>;

export async function accountsOf(deps: WorkDeps): Promise<Accounts> {
  const found = new Map<string, string>();
  for (const { name } of deps.settings.agents) {
    const id = await accountOf(deps, name);
    if (id !== undefined) found.set(name, id);
  }
  return found;
}

/** The job for an item whose labels and assignees differ; none for one in step. No request to Plane. */
export async function mirrorJobs(
  deps: WorkDeps,
  { item, rev, accounts }: { item: KeptItem; rev: number; accounts: Accounts },
  correlation: string,
): Promise<Job[]> {
  const { id } = item.snapshot;
  const sides = await sidesOf(deps, item, accounts);
  if (sides.every(({ assigned, labelled }) => assigned === labelled)) return [];
  return [workJob(`mirror:${id}:state:${rev}`, `work:${id}`, { do: "mirror", item: id, correlation })];
}

/** Pure: what an agent's label and its place among the assignees call for, by what they were when last in step. */
function stepsFor(sides: readonly Side[], { inStep, refused }: KeptMirror): Steps {
  const lone = sides.filter(({ assigned, labelled }) => labelled && !assigned).map(({ agent }) => agent);
  return {
    label: sides.filter(({ assigned, labelled }) => assigned && !labelled).map(({ agent }) => agent),
    unlabel: lone.filter((agent) => inStep.includes(agent)),
    assign: lone.filter((agent) => !inStep.includes(agent) && !refused.includes(agent)),
  };
}

async function take(acting: Acting, task: Task, { assign, label, unlabel }: Steps): Promise<Task> {
  const { deps } = acting;
  const { assignees, labels } = task.item.snapshot;
  const more = await Promise.all(assign.map((agent) => accountOf(deps, agent)));
  const changed = await labelsAfter(deps, task.project.id, labels, {
    add: label.map(labelOf),
    drop: unlabel.map(labelOf),
  });
  const fields: Fields = {
    ...(assign.length > 0 && { assignees: [...assignees, ...more.filter((id) => id !== undefined)] }),
    ...(changed && { labels: changed }),
  };
  return Object.keys(fields).length === 0 ? task : changeTask(acting, task, fields);
}

/** The agents with an account in Plane, as they stand on this item. */
async function sidesOf(deps: WorkDeps, { snapshot }: KeptItem, accounts: Accounts): Promise<Side[]> {
  const labels = await Promise.all(snapshot.labels.map((id) => labelName(deps, snapshot.project, id)));
  const names = labels.map((label) => label?.trim().toLowerCase());
  return [...accounts].map(([agent, account]) => ({
    agent,
    assigned: snapshot.assignees.includes(account),
    labelled: names.includes(labelOf(agent).toLowerCase()),
  }));
}

async function remember(deps: WorkDeps, item: string, before: KeptMirror, sides: readonly Side[]): Promise<void> {
  const key = workKeys.mirror(item);
  const inStep = sides.filter(({ assigned, labelled }) => assigned && labelled).map(({ agent }) => agent);
  const lone = sides.filter(({ assigned, labelled }) => labelled && !assigned).map(({ agent }) => agent);
  const value: KeptMirror = { inStep, refused: before.refused.filter((agent) => lone.includes(agent)) };
  const [kept] = await deps.store.read<KeptMirror>([key]);
  if (JSON.stringify(kept?.value ?? NOTHING) === JSON.stringify(value)) return;
  await deps.store.commit({ put: [{ key, value }] });
}

async function openTask(deps: WorkDeps, item: string): Promise<Task | undefined> {
  const task = await keptTask(deps, item);
  return task && task.item.gone === undefined && isOpen(task.item.snapshot.word) ? task : undefined;
}

async function accountOf(deps: WorkDeps, name: string): Promise<string | undefined> {
  const agent = deps.settings.agents.find((one) => one.name === name);
  return agent && personByEmail(deps, agent.email);
}

function labelOf(agent: string): string {
  return `agent:${agent}`;
}

function isNothing(steps: Steps): boolean {
  return Object.values(steps).every((names) => names.length === 0);
}
