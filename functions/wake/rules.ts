/** The rules of which event wakes which agents, for what reason and with which text. */

import type { AgentSettings } from "../../shared/config/settings-file.ts";
import { createWakeEventAction } from "../../shared/jobs/internal-jobs.ts";
import type { AnyEvent, ClaimLossReason } from "../../shared/task/events.ts";
import type { RuleAction, RuleSet } from "../../shared/task/rule-set.ts";
import type { WakeReason } from "../../shared/tasks/wakes.ts";

/** What an event means for agents. */
interface EventWake {
  /** Absent when it wakes nobody. */
  reason?: WakeReason;
  /** The agents that it concerns: those of the task, the Concierges, or the one with this name. */
  agents: "owners" | "concierges" | { name: string };
  /** The agent is a Concierge that made a plan. A plan outlives its maker: another Concierge continues. */
  isPlanner?: true;
  /** What a person or Groundcrew says about it. */
  text?: string | null | undefined;
}

/** Why the work on a task ended; a stop names the person instead. */
const LOSS_TEXTS: Record<Exclude<ClaimLossReason, "expired" | "stopped">, string> = {
  reassigned: "the task was reassigned",
  moved: "the status of the task was changed, or it was removed",
  deleted: "the project was deleted",
};

/** Creates the rules of which agent an event wakes (OPENCLAW-16). An agent that polls (`wake` none) is never woken. */
export function createWakeRules(agents: readonly AgentSettings[]): RuleSet {
  const wakeable = agents.filter(({ wake }) => wake.kind !== "none").map(({ name }) => name);
  const concierges = agents.filter(({ role }) => role === "concierge").map(({ name }) => name);

  function findTargets(wake: EventWake | undefined, owners: readonly string[] = []): readonly string[] {
    if (!wake) return [];
    if (wake.agents === "owners") return owners;
    if (wake.agents === "concierges") return concierges;
    const { name } = wake.agents;
    return wake.isPlanner && !concierges.includes(name) ? concierges : [name];
  }

  return {
    name: "wake",
    needsActor: () => false,
    // Wakes concern the tasks of agents, whose details come first in any case.
    canMatch: () => false,
    explainSkips(event, { item }) {
      const polling = findTargets(toEventWake(event), item?.agents).filter((name) => !wakeable.includes(name));
      return polling.map((name) => ({ consumer: "wake", why: "polls", rule: name }));
    },
    decide(event, facts, correlation, itemRev) {
      const wake = toEventWake(event);
      if (!wake?.reason) return [];
      const names = findTargets(wake, facts.item?.agents).filter((name) => wakeable.includes(name));
      return [...new Set(names)].map((name): RuleAction => {
        const action = createWakeEventAction(name, { event, facts, correlation }, itemRev);
        return { ...action, rule: `wake on ${wake.reason}` };
      });
    },
  };
}

/** What an event means for agents; undefined when it concerns none. */
export function toEventWake(event: AnyEvent): EventWake | undefined {
  switch (event.kind) {
    case "assigned":
    case "unblocked":
      return { reason: event.kind, agents: "owners" };
    case "restored":
      return { reason: "assigned", agents: "owners" };
    case "reopened":
      return { reason: "sent_back", agents: "owners" };
    case "answered":
      return { reason: event.kind, agents: { name: event.agent }, text: `${event.by}: ${event.text}` };
    case "addressed":
      return { reason: event.kind, agents: { name: event.agent }, text: event.text };
    case "sent_back":
      return { reason: event.kind, agents: { name: event.agent }, text: event.reason };
    case "claim_lost": {
      // An agent that fell silent does not work, and a person who ended its work wants it to know that.
      if (event.why === "expired") return { agents: { name: event.agent } };
      const person = event.by === undefined ? undefined : `stopped by ${event.by}`;
      const text = event.why === "stopped" ? person : LOSS_TEXTS[event.why];
      return { reason: "stopped", agents: { name: event.agent }, text };
    }
    case "stuck":
      return { reason: event.kind, agents: "concierges", text: `${event.blocker} is ${event.why}` };
    case "circle":
      return { reason: event.kind, agents: "concierges", text: event.path.join(" → ") };
    case "project_completed":
      return event.planned ? undefined : { reason: event.kind, agents: "concierges" };
    case "plan_approved":
    case "plan_rejected": {
      const { by, reason, agent } = event;
      const isCancelled = event.kind === "plan_rejected" && event.cancelled;
      const text = reason ? `${by}: ${reason}` : by;
      return { reason: isCancelled ? "plan_cancelled" : event.kind, agents: { name: agent }, isPlanner: true, text };
    }
    case "plan_failed":
      return { reason: event.kind, agents: { name: event.agent }, isPlanner: true, text: event.text };
    case "plan_completed":
      return { reason: event.kind, agents: { name: event.agent }, isPlanner: true };
    default:
      return undefined;
  }
}
