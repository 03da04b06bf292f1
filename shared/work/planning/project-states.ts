import type { Settings } from "../../config/settings.ts";
import { keepDefined } from "../../keep-defined.ts";
import { cacheState } from "../../observe/name-cache.ts";
import { PlaneConflictError } from "../../plane/errors.ts";
import { statesApi as stateCalls } from "../../plane/states-labels.ts";
import { toStatus } from "../../task/status.ts";
import type { CallContext } from "../context/call-context.ts";

/** The five default states of a Plane project; Groundcrew adds Blocked. */
const STATES = [
  { name: "Backlog", group: "backlog", color: "#60646c" },
  { name: "Todo", group: "unstarted", color: "#60646c" },
  { name: "In Progress", group: "started", color: "#f59e0b" },
  { name: "Done", group: "completed", color: "#46a758" },
  { name: "Cancelled", group: "cancelled", color: "#9aa4bc" },
] as const;
const BLOCKED_STATE = { name: "Blocked", group: "started", color: "#d94f4f" } as const;

/** Finds the states that a project lacks: one for each of Plane's groups, and one that means blocked. */
export function findMissingStates(existing: readonly { name: string; group: string }[], states: Settings["states"]) {
  const hasBlocked = existing.some((state) => toStatus(state, [], states) === "blocked");
  return keepDefined([
    ...STATES.filter(({ group }) => !existing.some((state) => state.group === group)),
    hasBlocked ? undefined : { ...BLOCKED_STATE, name: states.blocked?.[0] ?? BLOCKED_STATE.name },
  ]);
}

/** Creates the states that a project lacks. */
export async function addMissingStates({ deps, systemPlane }: CallContext, project: string): Promise<void> {
  const { states } = deps.settings;
  const params = { project };
  const existing: { name: string; group: string }[] = [];
  for await (const { data } of systemPlane.pages(stateCalls.list, { params })) {
    for (const state of data.results) {
      existing.push(state);
      await cacheState(deps, state.id, state);
    }
  }
  for (const state of findMissingStates(existing, states)) {
    try {
      await systemPlane.call(stateCalls.create, { params, json: { ...state } });
    } catch (thrown) {
      if (!(thrown instanceof PlaneConflictError)) throw thrown;
    }
  }
}
