/** Labels `agent:<name>` and assignees say the same: a change of one is carried over to the other. */

import type { TaskDeps } from "../app/deps.ts";
import { createWorkJob, toLabelsLane } from "../jobs/internal-jobs.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { ProjectRecord, Task } from "../records/plane-records.ts";
import { workKeys } from "../records/store-keys.ts";
import type { Job } from "../store/port.ts";
import { findPersonIdByEmail } from "../sync/names.ts";
import { CONFIRM_LOSS_AFTER_MS } from "../task/merge-observation.ts";
import type { ItemRecord } from "../task/snapshot.ts";
import { isManaged } from "./access.ts";
import { applyLabelChange, type ItemFields, readNormalizedLabels, retryWithFreshLabels } from "./assignees.ts";
import { type CallContext, createCallContext, SYSTEM_CALLER } from "./call-context.ts";
import { changeTask } from "./change-task.ts";
import { findOpenTask, refreshTask } from "./find-task.ts";

/** The agents whose label and assignment last agreed on an item. */
interface LabelMirrorRecord {
  inStep: string[];
  /** Agents that Plane did not accept as assignees, because their accounts are no members of the project. */
  refused: string[];
}

/** The assignment and the label of an agent on one item. */
type AgentAssignment = Awaited<ReturnType<typeof readAssignments>>[number];

/** The agents to assign, and the labels to add and to remove, so that labels and assignees of an item agree. */
type MirrorSteps = Record<"assign" | "label" | "unlabel", string[]>;

/** The agents that have an account in Plane, with the account's id. */
type AgentAccounts = ReadonlyMap<string, string>;

/** What may be changed on an item: everything, only labels, or nothing. */
type MirrorScope = "all" | "labels" | "none";

const EMPTY_MIRROR: LabelMirrorRecord = { inStep: [], refused: [] };

/**
 * Synchronizes the labels `agent:<name>` of an item with its assignees (OPENCLAW-10). An assigned agent gets its label.
 * A label alone assigns its agent, unless both agreed before: then people removed the agent, and the label is removed.
 * Other labels and assignees stay. Items that existed before are changed only as far as the setting `mirror` allows,
 * until an agent works on them. Returns when to retry if the state is not certain yet: during an edit Plane shows no
 * assignees or labels for a moment.
 */
export async function mirrorAgentLabels(deps: TaskDeps, { item, correlation }: { item: string; correlation: string }) {
  const knownTask = await findOpenTask(deps, item);
  if (!knownTask) return undefined;
  const [record] = await deps.store.read<LabelMirrorRecord>([workKeys.mirror(item)]);
  const before = record?.value ?? EMPTY_MIRROR;
  const accounts = await readAgentAccounts(deps);
  const scope = await readMirrorScope(deps, knownTask, record?.value);
  if (scope === "none") return undefined;
  const current = await readAssignments(deps, knownTask.item, accounts);
  if (hasNoSteps(planSteps(current, before, scope))) {
    await saveMirror(deps, item, before.refused, current);
    return undefined;
  }
  // A write replaces the whole lists, so the other labels and assignees must be current.
  const context = createCallContext(deps, SYSTEM_CALLER, correlation);
  await refreshTask(context, knownTask);
  const task = await findOpenTask(deps, item);
  if (!task) return undefined;
  const { pendingLosses: pendingRemoval } = task.item;
  if (pendingRemoval?.assignees !== undefined || pendingRemoval?.labels !== undefined)
    return { retryAt: (await deps.store.now()) + 2 * CONFIRM_LOSS_AFTER_MS };
  const steps = planSteps(await readAssignments(deps, task.item, accounts), before, scope);
  const after = await retryWithFreshLabels(context, task.project, () => applySteps(context, task, steps));
  const sides = await readAssignments(deps, after.item, accounts);
  const refused = steps.assign.filter((agent) => !sides.some((side) => side.agent === agent && side.assigned));
  for (const agent of refused)
    deps.log.warn("agent not assigned: its account is not a member of the project", { item: task.key, agent });
  await saveMirror(deps, item, [...before.refused, ...refused], sides);
  return undefined;
}

/** An item that was mirrored once stays mirrored, so that people's changes of its assignees go on taking effect. */
async function readMirrorScope(
  deps: TaskDeps,
  task: Pick<Task, "id" | "item" | "project">,
  mirrored: LabelMirrorRecord | undefined,
): Promise<MirrorScope> {
  const { mirror } = deps.settings;
  if (mirror === true || mirrored || (await isManaged(deps, task))) return "all";
  return mirror === "agents" ? "labels" : "none";
}

/** The assignment and label on this item of every agent that has an account in Plane. */
async function readAssignments(deps: TaskDeps, { snapshot }: ItemRecord, accounts: AgentAccounts) {
  const names = await readNormalizedLabels(deps, snapshot.project, snapshot.labels);
  return [...accounts].map(([agent, account]) => ({
    agent,
    assigned: snapshot.assignees.includes(account),
    labelled: names.includes(toAgentLabel(agent).toLowerCase()),
  }));
}

const toAgentLabel = (agent: string) => `agent:${agent}`;

const hasNoSteps = (steps: MirrorSteps) => Object.values(steps).every((names) => names.length === 0);

/** Plans the changes from the current assignments and those that agreed last. Pure. */
function planSteps(
  sides: readonly AgentAssignment[],
  { inStep, refused }: LabelMirrorRecord,
  scope: Exclude<MirrorScope, "none">,
): MirrorSteps {
  const labelOnly = selectAgents(sides, ({ assigned, labelled }) => labelled && !assigned);
  const label = selectAgents(sides, ({ assigned, labelled }) => assigned && !labelled);
  if (scope === "labels") return { label, unlabel: [], assign: [] };
  return {
    label,
    unlabel: labelOnly.filter((agent) => inStep.includes(agent)),
    assign: labelOnly.filter((agent) => !inStep.includes(agent) && !refused.includes(agent)),
  };
}

function selectAgents(sides: readonly AgentAssignment[], matches: (side: AgentAssignment) => boolean): string[] {
  return sides.filter(matches).map(({ agent }) => agent);
}

async function saveMirror(deps: TaskDeps, item: string, refused: readonly string[], sides: readonly AgentAssignment[]) {
  const key = workKeys.mirror(item);
  const labelOnly = selectAgents(sides, ({ assigned, labelled }) => labelled && !assigned);
  const value: LabelMirrorRecord = {
    inStep: selectAgents(sides, ({ assigned, labelled }) => assigned && labelled),
    refused: refused.filter((agent) => labelOnly.includes(agent)),
  };
  const [record] = await deps.store.read<LabelMirrorRecord>([key]);
  if (JSON.stringify(record?.value ?? EMPTY_MIRROR) === JSON.stringify(value)) return;
  await deps.store.commit({ put: [{ key, value }] });
}

async function applySteps(context: CallContext, task: Task, { assign, label, unlabel }: MirrorSteps): Promise<Task> {
  const { deps } = context;
  const { assignees, labels } = task.item.snapshot;
  const accounts = await readAgentAccounts(deps);
  const newLabels = await applyLabelChange(deps, task.project.id, labels, {
    add: label.map(toAgentLabel),
    drop: unlabel.map(toAgentLabel),
  });
  const fields: ItemFields = omitUndefined({
    assignees: assign.length > 0 ? [...assignees, ...assign.flatMap((agent) => accounts.get(agent) ?? [])] : undefined,
    labels: newLabels,
  });
  return Object.keys(fields).length === 0 ? task : changeTask(context, task, fields);
}

/**
 * The job for an item whose labels and assignees differ; undefined when they agree, or when Groundcrew may not change
 * them. `isExisting`: only the setting `mirror` allows it. Makes no request to Plane.
 */
export async function createMirrorJob(
  deps: TaskDeps,
  { project, item, rev, accounts }: { project: ProjectRecord; item: ItemRecord; rev: number; accounts: AgentAccounts },
  correlation: string,
): Promise<{ job: Job; isExisting: boolean } | undefined> {
  const { id } = item.snapshot;
  const sides = await readAssignments(deps, item, accounts);
  if (sides.every(({ assigned, labelled }) => assigned === labelled)) return undefined;
  const [record] = await deps.store.read<LabelMirrorRecord>([workKeys.mirror(id)]);
  const task = { id, item, project };
  const scope = await readMirrorScope(deps, task, record?.value);
  if (scope === "none" || hasNoSteps(planSteps(sides, record?.value ?? EMPTY_MIRROR, scope))) return undefined;
  const job = createWorkJob(`mirror:${id}:state:${rev}`, toLabelsLane(id), { type: "mirror", item: id, correlation });
  return { job, isExisting: !(await isManaged(deps, task)) };
}

export async function readAgentAccounts(deps: TaskDeps): Promise<AgentAccounts> {
  const accounts = new Map<string, string>();
  for (const { name, email } of deps.settings.agents) {
    const id = await findPersonIdByEmail(deps, email);
    if (id !== undefined) accounts.set(name, id);
  }
  return accounts;
}
