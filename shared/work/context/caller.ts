/**
 * Who acts: an agent by its name in the settings, a human, or Groundcrew itself. The Concierge plans and hands out
 * work; a human may do everything and needs no claim.
 */
export interface Caller {
  name: string;
  role: "concierge" | "worker" | "human" | "system";
}

/** Groundcrew itself, where it corrects a task. A claim it holds meanwhile is stored under this name. */
export const SYSTEM_CALLER: Caller = { name: "Groundcrew", role: "system" };

/** Agents work under a claim, at their own pace, and only on their own tasks. */
export function isAgent({ role }: Caller): boolean {
  return role === "concierge" || role === "worker";
}

/** Only humans review: what the system does to a task is never a verdict. */
export function isHuman({ role }: Caller): boolean {
  return role === "human";
}
