import { z } from "zod";
import type { Endpoint } from "./client.ts";
import { id, listed } from "./schema.ts";

export const stateGroup = z.enum(["backlog", "unstarted", "started", "completed", "cancelled", "triage"]);

const state = z.object({
  id,
  project: id,
  name: z.string(),
  color: z.string(),
  group: stateGroup,
  sequence: z.number(),
  default: z.boolean(),
});

const label = z.object({
  id,
  project: id.nullable(),
  name: z.string(),
  color: z.string(),
  parent: id.nullable(),
});

const ofStates = "/api/v1/workspaces/:workspace/projects/:project/states/";
const ofLabels = "/api/v1/workspaces/:workspace/projects/:project/labels/";

/** A state or label whose name is taken answers 409 with the id of the first. */
export const states = {
  list: { operation: "states_list", method: "GET", path: ofStates, answer: listed(state) },
  create: { operation: "states_create", method: "POST", path: ofStates, answer: state },
} satisfies Record<string, Endpoint<unknown>>;

export const labels = {
  list: { operation: "labels_list", method: "GET", path: ofLabels, answer: listed(label) },
  create: { operation: "labels_create", method: "POST", path: ofLabels, answer: label },
} satisfies Record<string, Endpoint<unknown>>;
