/**
 * Brings Plane's shapes to one: work items from list rows, single reads, PATCH responses and webhooks become a
 * `Snapshot`, and the body of a webhook one of the known deliveries.
 */

import { z } from "zod";
import type { Deps } from "../app/deps.ts";
import { formatSchemaIssues, getErrorMessage } from "../errors.ts";
import { omitUndefined } from "../omit-undefined.ts";

import {
  createPageSchema,
  type Endpoint,
  GROUNDCREW_SOURCE,
  type PlanePage,
  planeIdSchema,
} from "../plane/endpoint.ts";
import { planeCommentSchema, workItemSchema, workItemsApi } from "../plane/work-items.ts";
import { type Snapshot, toStatus } from "../task/snapshot.ts";
import {
  cacheLabelName,
  cachePerson,
  cacheState,
  findManagedLabelName,
  findNamedState,
  resolveName,
  toPlanePerson,
} from "./names.ts";

type NormalizeDeps = Pick<Deps, "cache" | "plane" | "clock" | "settings" | "store" | "log">;

/**
 * The fields of a work item that a snapshot needs; list rows, single reads, PATCH responses and webhooks all have them.
 */
export const observedItemSchema = workItemSchema.omit({ archived_at: true, is_draft: true, updated_by: true }).extend({
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

const actorSchema = z.object({ id: planeIdSchema, display_name: z.string(), email: z.string().nullish() });

/** Only a hint about the actor: when its form is unknown, it is dropped and the rest of the webhook still counts. */
const activitySchema = z
  .object({ field: z.string().nullable(), new_value: z.unknown().optional(), actor: actorSchema.nullish() })
  .nullish()
  .catch(undefined);

const commentSchema = planeCommentSchema
  .omit({ created_by: true })
  .extend({ issue: planeIdSchema, project: planeIdSchema, external_id: z.string().nullish() });

const createDeliverySchema = <Event extends string, Data extends z.ZodType>(event: Event, data: Data) =>
  z.object({
    event: z.literal(event),
    action: z.string(),
    workspace_id: planeIdSchema,
    activity: activitySchema,
    data,
  });

const itemDataSchema = observedItemSchema.extend({
  archived_at: z.string().nullish(),
  is_draft: z.boolean().nullish(),
});

const knownDeliverySchema = z.discriminatedUnion("event", [
  createDeliverySchema("project", z.object({ id: planeIdSchema })),
  createDeliverySchema("issue", itemDataSchema),
  createDeliverySchema("issue_comment", commentSchema),
  createDeliverySchema("cycle", z.object({ id: planeIdSchema, project: planeIdSchema })),
]);

/** A parsed webhook body. Events that Groundcrew does not use are `other`. */
export type WebhookDelivery = z.infer<typeof knownDeliverySchema> | { event: "other"; workspace_id: string };

/** Fields that all of Plane's webhooks have. */
const anyDeliverySchema = z.object({ event: z.string(), action: z.string().optional(), workspace_id: planeIdSchema });

const KNOWN_EVENTS = new Set(["project", "issue", "issue_comment", "cycle"]);

/**
 * External source and id of the canary in Plane: a work item with a comment that is edited only to check that Plane's
 * webhooks arrive.
 */
export const CANARY_EXTERNAL_REF = { external_source: "groundcrew", external_id: "canary" } as const;

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
    status: toStatus(state, labelNames, deps.settings.states),
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
      quiet: isCanary(item) || undefined,
      ours: (!isCanary(item) && item.external_source === GROUNDCREW_SOURCE) || undefined,
    }),
  };
}

async function normalizeState(deps: NormalizeDeps, project: string, state: ObservedItem["state"]) {
  if (state === null) return { id: "", name: "", group: "unstarted" };
  if (typeof state === "string") {
    const named = await findNamedState(deps, project, state);
    return { id: state, name: named?.name ?? "", group: named?.group ?? "unstarted" };
  }
  await cacheState(deps, state.id, state);
  return resolveName(deps, project, "states", state);
}

async function normalizeLabel(deps: NormalizeDeps, project: string, label: ObservedItem["labels"][number]) {
  if (typeof label === "string") return { id: label, name: (await findManagedLabelName(deps, project, label)) ?? "" };
  await cacheLabelName(deps, label.id, label.name);
  return resolveName(deps, project, "labels", label);
}

async function normalizeAssignee(deps: NormalizeDeps, member: ObservedItem["assignees"][number]): Promise<string> {
  if (typeof member === "string") return member;
  await cachePerson(deps, member.id, toPlanePerson(member));
  return member.id;
}

/** Parses a webhook body; `problem` is a readable reason when it is not a webhook of Plane. */
export function parseWebhookDelivery(raw: string): { delivery: WebhookDelivery } | { problem: string } {
  try {
    const json: unknown = JSON.parse(raw);
    const { event, action, workspace_id } = anyDeliverySchema.parse(json);
    // Plane sends deletion webhooks for projects only; a version that sends more includes no more than an id.
    const isOther = !KNOWN_EVENTS.has(event) || (action === "deleted" && event !== "project");
    return { delivery: isOther ? { event: "other", workspace_id } : knownDeliverySchema.parse(json) };
  } catch (thrown) {
    if (!(thrown instanceof z.ZodError)) return { problem: `not JSON: ${getErrorMessage(thrown)}` };
    return { problem: `not a valid Plane webhook (${formatSchemaIssues(thrown, "the body")})` };
  }
}

/** External source and id of another canary, used when Plane refuses to edit the item that has the usual ones. */
export function createFallbackCanaryRef(day: string) {
  return { ...CANARY_EXTERNAL_REF, external_id: `${CANARY_EXTERNAL_REF.external_id}:${day}` };
}

/** Whether this work item or comment from Plane belongs to a canary. */
export function isCanary({
  external_source,
  external_id = null,
}: Pick<ObservedItem, "external_source" | "external_id">): boolean {
  if (external_source !== CANARY_EXTERNAL_REF.external_source || external_id === null) return false;
  return (
    external_id === CANARY_EXTERNAL_REF.external_id || external_id.startsWith(createFallbackCanaryRef("").external_id)
  );
}
