import { getProject } from "./projects.ts";
import type { Json } from "./rows.ts";
import type { Id } from "./types.ts";
import { createWebhookTask, type WebhookTask } from "./worker-tasks.ts";
import type { PlaneWorld } from "./world.ts";

/**
 * Creates the task for an event about a part of a project. `field` and its values are null unless one column was edited.
 */
export function createPartWebhookTask(
  world: PlaneWorld,
  event: "cycle" | "module" | "issue_comment",
  { id, project }: { id: Id; project: Id },
  verb: WebhookTask["verb"],
  field: string | null,
  old_value: Json,
  new_value: Json,
  actor: Id,
): WebhookTask {
  const { workspace } = getProject(world, project);
  return createWebhookTask(event, { id, workspace }, verb, field, old_value, new_value, actor);
}
