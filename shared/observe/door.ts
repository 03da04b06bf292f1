import type { z } from "zod";
import { isCanary } from "../canary/kept.ts";
import type { Deps } from "../deps.ts";
import type { Endpoint, Listed } from "../plane/client.ts";
import { listed } from "../plane/schema.ts";
import { workItem, workItems } from "../plane/work-items.ts";
import type { Snapshot } from "../task/snapshot.ts";
import { type NamedState, wordOf } from "../task/words.ts";
import { labelName, learnLabel, learnPerson, learnState, personOf, stateNamed } from "./names.ts";

/** The part of a work item that a snapshot is made of; every way Plane tells an item has it. */
export const observed = workItem
  .pick({
    id: true,
    project: true,
    sequence_id: true,
    name: true,
    labels: true,
    assignees: true,
    priority: true,
    parent: true,
    start_date: true,
    target_date: true,
    completed_at: true,
    created_at: true,
    updated_at: true,
    created_by: true,
  })
  .extend({
    /** Null when the state was deleted under the item. */
    state: workItem.shape.state.nullable(),
    description_html: workItem.shape.description_html.nullable(),
    external_source: workItem.shape.external_source.optional(),
    external_id: workItem.shape.external_id.optional(),
  });
export type Observed = z.infer<typeof observed>;

/** Everything in one request: names come with the rows, what no snapshot holds is left out. */
const EXPANDED = { expand: "state,labels,assignees", fields: Object.keys(observed.shape).join(",") };

export const rows = { ...workItems.list, answer: listed(observed) } satisfies Endpoint<Listed<Observed>>;
export const rowsQuery = { ...EXPANDED, order_by: "-updated_at" };
export const single = { ...workItems.get, answer: observed } satisfies Endpoint<Observed>;
export const singleQuery = EXPANDED;

type DoorDeps = Pick<Deps, "cache" | "plane" | "clock" | "settings">;

/**
 * Brings a work item as Plane tells it (list row, single read, PATCH answer, webhook; ids or expanded objects)
 * to the one shape, and learns the names that came with it.
 */
export async function snapshotOf(deps: DoorDeps, item: Observed): Promise<Snapshot> {
  const project = typeof item.project === "string" ? item.project : item.project.id;
  const state = await stateOf(deps, project, item.state);
  const labels = await Promise.all(item.labels.map((label) => labelOf(deps, project, label)));
  const assignees = await Promise.all(item.assignees.map((member) => assigneeOf(deps, member)));
  const names = labels.map((label) => label.name);
  return {
    id: item.id,
    project,
    sequence: item.sequence_id,
    name: item.name,
    description: item.description_html ?? "",
    state: state.id,
    word: wordOf(state, names, deps.settings.states),
    priority: item.priority,
    assignees: assignees.sort(),
    labels: labels.map((label) => label.id).sort(),
    parent: item.parent,
    start: item.start_date,
    due: item.target_date,
    createdBy: item.created_by,
    createdAt: item.created_at,
    updatedAt: item.updated_at,
    completedAt: item.completed_at,
    ...(isCanary(item) && { quiet: true }),
  };
}

async function stateOf(
  deps: DoorDeps,
  project: string,
  state: Observed["state"],
): Promise<NamedState & { id: string }> {
  if (state === null) return { id: "", name: "", group: "unstarted" };
  if (typeof state === "string") {
    const named = await stateNamed(deps, project, state);
    return { id: state, name: named?.name ?? "", group: named?.group ?? "unstarted" };
  }
  await learnState(deps, state.id, state);
  return state;
}

async function labelOf(deps: DoorDeps, project: string, label: Observed["labels"][number]) {
  if (typeof label === "string") return { id: label, name: (await labelName(deps, project, label)) ?? "" };
  await learnLabel(deps, label.id, label.name);
  return label;
}

async function assigneeOf(deps: DoorDeps, member: Observed["assignees"][number]): Promise<string> {
  if (typeof member === "string") return member;
  await learnPerson(deps, member.id, personOf(member));
  return member.id;
}
