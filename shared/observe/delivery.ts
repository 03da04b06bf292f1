import { z } from "zod";
import { messageOf } from "../errors.ts";
import { id } from "../plane/schema.ts";
import { time } from "../plane/time.ts";
import { observed } from "./door.ts";
import type { Hint } from "./facts.ts";

const actor = z.object({ id, display_name: z.string() });

/** Only a hint at who did it: one of another form is none, and no reason to leave the rest alone. */
const activity = z
  .object({ field: z.string().nullable(), new_value: z.unknown().optional(), actor: actor.nullish() })
  .nullish()
  .catch(undefined);

const common = { action: z.string(), workspace_id: id, activity };

const comment = z.object({
  id,
  issue: id,
  project: id,
  comment_html: z.string(),
  actor: id.nullable(),
  external_source: z.string().nullable(),
  external_id: z.string().nullish(),
  created_at: time,
});

const ours = z.discriminatedUnion("event", [
  z.object({ ...common, event: z.literal("project"), data: z.object({ id }) }),
  z.object({
    ...common,
    event: z.literal("issue"),
    data: observed.extend({ archived_at: z.string().nullish(), is_draft: z.boolean().nullish() }),
  }),
  z.object({ ...common, event: z.literal("issue_comment"), data: comment }),
  z.object({ ...common, event: z.literal("cycle"), data: z.object({ id, project: id }) }),
]);

/** Every event of Plane has these. */
const any = z.object({ event: z.string(), action: z.string().optional(), workspace_id: id });

const OURS = new Set(["project", "issue", "issue_comment", "cycle"]);

/** A webhook's body, as recorded; what Plane may send besides is `other` and says nothing to us. */
export type Delivery = z.infer<typeof ours> | { event: "other"; workspace_id: string };

/** Understands a webhook's body; `problem` says for people why it is not one. */
export function readDelivery(raw: string): { delivery: Delivery } | { problem: string } {
  try {
    const json: unknown = JSON.parse(raw);
    const { event, action, workspace_id } = any.parse(json);
    // Only projects are told of when they are deleted, as of now; another Plane that tells more says just an id.
    const isOther = !OURS.has(event) || (action === "deleted" && event !== "project");
    return { delivery: isOther ? { event: "other", workspace_id } : ours.parse(json) };
  } catch (thrown) {
    if (!(thrown instanceof z.ZodError)) return { problem: `not JSON: ${messageOf(thrown)}` };
    const places = thrown.issues.slice(0, 3).map((issue) => `${issue.path.join(".") || "the body"}: ${issue.message}`);
    return { problem: `not a webhook as Plane sends them (${places.join("; ")})` };
  }
}

/** What is kept of a webhook until it is worked: the body as it came. */
export const inboxBody = z.object({ raw: z.string(), correlation: z.string() });
export type InboxBody = z.infer<typeof inboxBody>;

/** Who did what, by the webhook's own account. */
export function hintOf({ activity }: Extract<Delivery, { event: "issue" }>): Hint | undefined {
  if (!activity?.actor) return undefined;
  const { id: actor, display_name: name } = activity.actor;
  return { field: activity.field, value: activity.new_value, actor: { id: actor, name } };
}
