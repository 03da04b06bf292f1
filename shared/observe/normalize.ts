import type { z } from "zod";
import type { Deps } from "../app/deps.ts";
import { isCanary } from "../canary/canary-record.ts";
import { omitUndefined } from "../omit-undefined.ts";
import type { Endpoint, PlanePage } from "../plane/client.ts";
import { createPageSchema } from "../plane/schema.ts";
import { workItemSchema, workItemsApi } from "../plane/work-items.ts";
import type { Snapshot } from "../task/snapshot.ts";
import { type NamedState, toStatus } from "../task/status.ts";
import { GROUNDCREW_SOURCE } from "./comments.ts";
import { cacheLabelName, cachePerson, cacheState, findLabelName, findNamedState, toPlanePerson } from "./name-cache.ts";

/**
 * The fields of a work item that a snapshot needs; list rows, single reads, PATCH responses and webhooks all have them.
 */
export const observedItemSchema = workItemSchema
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
    /** Null when the item's state was deleted. */
    state: workItemSchema.shape.state.nullable(),
    description_html: workItemSchema.shape.description_html.nullable(),
    external_source: workItemSchema.shape.external_source.optional(),
    external_id: workItemSchema.shape.external_id.optional(),
  });
export type ObservedItem = z.infer<typeof observedItemSchema>;

/** Reads names together with the rows, to save requests, and omits fields that a snapshot does not need. */
const EXPANDED_QUERY = { expand: "state,labels,assignees", fields: Object.keys(observedItemSchema.shape).join(",") };

export const itemRowsEndpoint = {
  ...workItemsApi.list,
  answer: createPageSchema(observedItemSchema),
} satisfies Endpoint<PlanePage<ObservedItem>>;
export const itemRowsQuery = { ...EXPANDED_QUERY, order_by: "-updated_at" };
export const singleItemEndpoint = { ...workItemsApi.get, answer: observedItemSchema } satisfies Endpoint<ObservedItem>;
export const singleItemQuery = EXPANDED_QUERY;

type NormalizeDeps = Pick<Deps, "cache" | "plane" | "clock" | "settings">;

/**
 * Converts a work item from Plane (list row, single read, PATCH response, webhook; with ids or expanded objects) to a
 * snapshot, and caches the names it contains.
 */
export async function normalizeItem(deps: NormalizeDeps, item: ObservedItem): Promise<Snapshot> {
  const project = typeof item.project === "string" ? item.project : item.project.id;
  const state = await normalizeState(deps, project, item.state);
  const labels = await Promise.all(item.labels.map((label) => normalizeLabel(deps, project, label)));
  const assignees = await Promise.all(item.assignees.map((member) => normalizeAssignee(deps, member)));
  const labelNames = labels.map((label) => label.name);
  return {
    id: item.id,
    project,
    sequence: item.sequence_id,
    name: item.name,
    description: item.description_html ?? "",
    state: state.id,
    word: toStatus(state, labelNames, deps.settings.states),
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
    ...omitUndefined({
      quiet: isCanary(item) ? true : undefined,
      ours: !isCanary(item) && item.external_source === GROUNDCREW_SOURCE ? true : undefined,
    }),
  };
}

async function normalizeState(
  deps: NormalizeDeps,
  project: string,
  state: ObservedItem["state"],
): Promise<NamedState & { id: string }> {
  if (state === null) return { id: "", name: "", group: "unstarted" };
  if (typeof state === "string") {
    const named = await findNamedState(deps, project, state);
    return { id: state, name: named?.name ?? "", group: named?.group ?? "unstarted" };
  }
  await cacheState(deps, state.id, state);
  return state;
}

async function normalizeLabel(deps: NormalizeDeps, project: string, label: ObservedItem["labels"][number]) {
  if (typeof label === "string") return { id: label, name: (await findLabelName(deps, project, label)) ?? "" };
  await cacheLabelName(deps, label.id, label.name);
  return label;
}

async function normalizeAssignee(deps: NormalizeDeps, member: ObservedItem["assignees"][number]): Promise<string> {
  if (typeof member === "string") return member;
  await cachePerson(deps, member.id, toPlanePerson(member));
  return member.id;
}
