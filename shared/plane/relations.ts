import { z } from "zod";
import type { Endpoint } from "./client.ts";
import { id } from "./schema.ts";

const ends = z.array(z.object({ project_id: id, issue_id: id }));

/** The other ends by kind, seen from the item that was asked for. */
const relationsOf = z.object({
  blocking: ends,
  blocked_by: ends,
  duplicate: ends,
  relates_to: ends,
  start_after: ends,
  start_before: ends,
  finish_after: ends,
  finish_before: ends,
});
export type Relations = z.infer<typeof relationsOf>;

const added = z.array(
  z.object({ id, project_id: id, sequence_id: z.int(), relation_type: z.string(), name: z.string() }),
);

export const RELATIONS_PATH = "/api/v1/workspaces/:workspace/projects/:project/work-items/:item/relations/";

/** Not on v1.2.x: see `capabilities().relations`. */
export const relations = {
  list: { operation: "relations_list", method: "GET", path: RELATIONS_PATH, answer: relationsOf },
  /** Takes `{ relation_type, issues }`; answers the items at the other ends. */
  create: { operation: "relations_create", method: "POST", path: RELATIONS_PATH, answer: added },
} satisfies Record<string, Endpoint<unknown>>;
