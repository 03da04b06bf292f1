/**
 * Who makes a call: an agent by its name in the settings, a human, Groundcrew itself, or the session of a ticket. The
 * Concierge plans and assigns work; a human may do everything and needs no claim.
 */
export interface Caller {
  name: string;
  role: "concierge" | "worker" | "human" | "system" | "session";
  /** The ticket of a session, and Plane's id of its work item. */
  ticket?: { key: string; item: string };
}

/** Groundcrew itself, when it corrects a task. The lease it holds meanwhile is stored under this name. */
export const SYSTEM_CALLER: Caller = { name: "Groundcrew", role: "system" };

/**
 * Whether the caller is an agent: agents need a claim, are limited to one request per second and to their own tasks. The
 * session of a ticket is one that has no tasks of its own.
 */
export function isAgent({ role }: Caller): boolean {
  return role === "concierge" || role === "worker" || role === "session";
}

/** Whether the caller is a human: only humans review, and a change by the system is never a verdict. */
export function isHuman({ role }: Caller): boolean {
  return role === "human";
}
