import { z } from "zod";
import { getErrorMessage } from "../errors.ts";
import { formatSchemaIssues } from "../format-schema-issues.ts";
import { planeIdSchema } from "../plane/schema.ts";
import { planeTimeSchema } from "../plane/time.ts";
import type { ActorHint } from "./event-actor.ts";
import { observedItemSchema } from "./normalize.ts";

const actorSchema = z.object({ id: planeIdSchema, display_name: z.string(), email: z.string().nullish() });

/** Only a hint about the actor: when its form is unknown, it is dropped and the rest of the webhook still counts. */
const activitySchema = z
  .object({ field: z.string().nullable(), new_value: z.unknown().optional(), actor: actorSchema.nullish() })
  .nullish()
  .catch(undefined);

const commonFields = { action: z.string(), workspace_id: planeIdSchema, activity: activitySchema };

const commentSchema = z.object({
  id: planeIdSchema,
  issue: planeIdSchema,
  project: planeIdSchema,
  comment_html: z.string(),
  actor: planeIdSchema.nullable(),
  external_source: z.string().nullable(),
  external_id: z.string().nullish(),
  created_at: planeTimeSchema,
  updated_at: planeTimeSchema,
});

const knownDeliverySchema = z.discriminatedUnion("event", [
  z.object({ ...commonFields, event: z.literal("project"), data: z.object({ id: planeIdSchema }) }),
  z.object({
    ...commonFields,
    event: z.literal("issue"),
    data: observedItemSchema.extend({ archived_at: z.string().nullish(), is_draft: z.boolean().nullish() }),
  }),
  z.object({ ...commonFields, event: z.literal("issue_comment"), data: commentSchema }),
  z.object({
    ...commonFields,
    event: z.literal("cycle"),
    data: z.object({ id: planeIdSchema, project: planeIdSchema }),
  }),
]);

/** Fields that all of Plane's webhooks have. */
const anyDeliverySchema = z.object({ event: z.string(), action: z.string().optional(), workspace_id: planeIdSchema });

const KNOWN_EVENTS = new Set(["project", "issue", "issue_comment", "cycle"]);

/** A parsed webhook body. Events that Groundcrew does not use are `other`. */
export type WebhookDelivery = z.infer<typeof knownDeliverySchema> | { event: "other"; workspace_id: string };

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

/** Returns the actor and the changed field that the webhook names; undefined when it names no actor. */
export function toActorHint({ activity }: Extract<WebhookDelivery, { event: "issue" }>): ActorHint | undefined {
  if (!activity?.actor) return undefined;
  const { id: actor, display_name: name } = activity.actor;
  return { field: activity.field, value: activity.new_value, actor: { id: actor, name } };
}
