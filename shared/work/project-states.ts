import type { Settings } from "../config.ts";
import { learnState } from "../observe/names.ts";
import { PlaneConflictError } from "../plane/errors.ts";
import { states as stateCalls } from "../plane/states-labels.ts";
import { wordOf } from "../task/words.ts";
import type { Acting } from "./acting.ts";

/** The five Plane gives a project by itself, and ours. */
const STATES = [
  { name: "Backlog", group: "backlog", color: "#60646c" },
  { name: "Todo", group: "unstarted", color: "#60646c" },
  { name: "In Progress", group: "started", color: "#f59e0b" },
  { name: "Done", group: "completed", color: "#46a758" },
  { name: "Cancelled", group: "cancelled", color: "#9aa4bc" },
] as const;
const BLOCKED = { name: "Blocked", group: "started", color: "#d94f4f" } as const;

/** What a project with these states lacks: one of each of Plane's groups, and one that means blocked. */
export function missingStates(there: readonly { name: string; group: string }[], states: Settings["states"]) {
  const hasBlocked = there.some((state) => wordOf(state, [], states) === "blocked");
  return [
    ...STATES.filter(({ group }) => !there.some((state) => state.group === group)),
    ...(hasBlocked ? [] : [{ ...BLOCKED, name: states.blocked?.[0] ?? BLOCKED.name }]),
  ];
}

/** Makes the states a project lacks: one of each of Plane's groups, and one that means blocked. */
export async function addStates({ deps, main }: Acting, project: string): Promise<void> {
  const { states } = deps.settings;
  const params = { project };
  const there: { name: string; group: string }[] = [];
  for await (const { data } of main.pages(stateCalls.list, { params })) {
    for (const state of data.results) {
      there.push(state);
      await learnState(deps, state.id, state);
    }
  }
  for (const state of missingStates(there, states)) {
    try {
      await main.call(stateCalls.create, { params, json: { ...state } });
    } catch (thrown) {
      if (!(thrown instanceof PlaneConflictError)) throw thrown;
    }
  }
}
