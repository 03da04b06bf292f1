import { z } from "zod";
import { id } from "../plane/schema.ts";
import { time } from "../plane/time.ts";
import { observed } from "./door.ts";
import type { Hint } from "./facts.ts";

const actor = z.object({ id, display_name: z.string() });

const activity = z.object({ field: z.string().nullable(), new_value: z.unknown(), actor: actor.nullish() }).nullish();

const common = { action: z.string(), workspace_id: id, activity };

const comment = z.object({
  id,
  issue: id,
  project: id,
  comment_html: z.string(),
  actor: id.nullable(),
  external_source: z.string().nullable(),
  created_at: time,
});

/** A webhook's body, as recorded; what Plane may send besides is `other` and says nothing to us. */
export const delivery = z.union([
  z.object({ ...common, event: z.literal("project"), data: z.object({ id }) }),
  z.object({
    ...common,
    event: z.literal("issue"),
    data: observed.extend({ archived_at: z.string().nullish(), is_draft: z.boolean().nullish() }),
  }),
  z.object({ ...common, event: z.literal("issue_comment"), data: comment }),
  z.object({ ...common, event: z.literal("cycle"), data: z.object({ id, project: id }) }),
  z
    .object({ event: z.string().refine((event) => !OURS.has(event)), workspace_id: id })
    .transform(({ workspace_id }) => ({
      event: "other" as const,
      workspace_id,
    })),
]);
export type Delivery = z.infer<typeof delivery>;

const OURS = new Set(["project", "issue", "issue_comment", "cycle"]);

/** What is kept of a webhook until it is worked: the body as it came, and when (store time). */
export const inboxBody = z.object({ raw: z.string(), correlation: z.string(), receivedAt: z.number() });

/** Who did what, by the webhook's own account. */
export function hintOf({ activity }: Extract<Delivery, { event: "issue" }>): Hint | undefined {
  if (!activity?.actor) return undefined;
  const { id: actor, display_name: name } = activity.actor;
  return { field: activity.field, value: activity.new_value, actor: { id: actor, name } };
}
