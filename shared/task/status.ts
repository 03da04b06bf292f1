import type { Status } from "./snapshot.ts";

/**
 * The parts of a Plane state that determine the status. Plane's groups are backlog, unstarted, started, completed,
 * cancelled.
 */
export interface NamedState {
  name: string;
  group: string;
}

/** State names for each status, which override Plane's groups (the `states` setting). */
export type StatusOverrides = Partial<Record<Status, readonly string[]>>;

const STATUS_BY_GROUP: Record<string, Status> = {
  backlog: "todo",
  unstarted: "todo",
  triage: "todo",
  started: "in_progress",
  completed: "done",
  cancelled: "cancelled",
};

/**
 * Maps a Plane state and the item's labels to a status: the override for the state's name, else `blocked` for an open
 * state named "Blocked", else the status of the state's group. The label `blocked` makes an open item blocked.
 */
export function toStatus(state: NamedState, labels: readonly string[], overrides: StatusOverrides): Status {
  const name = normalizeName(state.name);
  const overridden = (Object.entries(overrides) as [Status, readonly string[]][]).find(([, names]) =>
    names.some((other) => normalizeName(other) === name),
  )?.[0];
  const status = overridden ?? STATUS_BY_GROUP[state.group] ?? "todo";
  const isOpenStatus = status === "todo" || status === "in_progress";
  const isNamedBlocked = overridden === undefined && name === "blocked";
  return isOpenStatus && (isNamedBlocked || labels.some((label) => normalizeName(label) === "blocked"))
    ? "blocked"
    : status;
}

function normalizeName(name: string): string {
  return name.trim().toLowerCase();
}
