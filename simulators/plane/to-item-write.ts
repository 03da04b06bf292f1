import type { ItemWrite } from "./items.ts";
import { findProjectMember } from "./projects.ts";
import { listLabels, listStates } from "./states.ts";
import { toId } from "./to-id.ts";
import type { Id, ItemPatch } from "./types.ts";
import type { PlaneWorld } from "./world.ts";

/**
 * Converts a script's change of an item to columns: states and labels may be given by name. Throws where Plane would
 * silently drop a value: a test that assigns a user who is not a member is wrong.
 */
export function toItemWrite(world: PlaneWorld, project: Id, patch: ItemPatch): ItemWrite {
  const { state, assignees, labels, parent, ...rest } = patch;
  const write: ItemWrite = { ...rest };
  if (state !== undefined) write.state = findByIdOrName(listStates(world, project), state, "state");
  if (labels) write.labels = labels.map((label) => findByIdOrName(listLabels(world, project), toId(label), "label"));
  if (parent !== undefined) write.parent = parent === null ? null : toId(parent);
  if (assignees) write.assignees = assignees.map((user) => requireMember(world, project, toId(user)));
  return write;
}

function requireMember(world: PlaneWorld, project: Id, user: Id): Id {
  if (!findProjectMember(world, project, user)) throw new Error(`User ${user} is not a member of project ${project}.`);
  return user;
}

/** Finds a state or label by its id or name. */
function findByIdOrName(rows: readonly { id: Id; name: string }[], wanted: string, kind: string): Id {
  const found = rows.find((row) => row.id === wanted || row.name === wanted);
  if (!found) throw new Error(`This project has no ${kind} "${wanted}".`);
  return found.id;
}
