import type { Status } from "./snapshot.ts";

/** A Plane state as far as it matters: Plane's groups are backlog, unstarted, started, completed, cancelled. */
export interface NamedState {
  name: string;
  group: string;
}

/** Which state names stand for which of our words, where Plane's groups do not tell (the `states` setting). */
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
 * Our word for a work item: what the setting says of its state's name, else `blocked` for an open state called
 * Blocked, else by the state's group; the label `blocked` makes an open one blocked.
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
