import { getProject } from "./projects.ts";
import type { Id } from "./types.ts";
import type { PlaneWorld } from "./world.ts";

/** Returns what a webhook is about when that is a part of a project: its id and workspace. */
export function toWebhookSubject(world: PlaneWorld, { id, project }: { id: Id; project: Id }) {
  return { id, workspace: getProject(world, project).workspace };
}
