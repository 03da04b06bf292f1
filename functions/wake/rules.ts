import type { AgentSettings } from "../../shared/config/settings-file.ts";
import { createWakeEventAction } from "../../shared/jobs/wake-jobs.ts";
import type { AnyEvent } from "../../shared/task/events.ts";
import type { EventFacts, RuleAction, RuleSet } from "../../shared/task/rule-set.ts";
import type { WakeReason } from "../../shared/tasks/wakes.ts";

/** Creates the rules of which agent an event wakes (OPENCLAW-16). An agent that polls (`wake` none) is never woken. */
export function createWakeRules(agents: readonly AgentSettings[]): RuleSet {
  const wakeable = agents.filter(({ wake }) => wake.kind !== "none").map(({ name }) => name);
  const concierges = agents.filter(({ role }) => role === "concierge").map(({ name }) => name);

  return {
    name: "wake",
    needsActor: () => false,
    // Wakes concern the tasks of agents, whose details come first in any case.
    canMatch: () => false,
    explainSkips(event, facts) {
      const polling = findWakeTargets(event, facts, concierges).filter((name) => !wakeable.includes(name));
      return polling.map((name) => ({ consumer: "wake", why: "polls", rule: name }));
    },
    decide(event, facts, correlation, itemRev) {
      const reason = toWakeReason(event);
      if (!reason) return [];
      const names = findWakeTargets(event, facts, concierges).filter((name) => wakeable.includes(name));
      return [...new Set(names)].map((name): RuleAction => {
        const action = createWakeEventAction(name, { event, facts, correlation }, itemRev);
        return { ...action, rule: `wake on ${reason}` };
      });
    },
  };
}

/** The reason for which an event wakes agents; undefined when it wakes none. */
export function toWakeReason(event: AnyEvent): WakeReason | undefined {
  switch (event.kind) {
    case "assigned":
    case "unblocked":
    case "answered":
    case "sent_back":
    case "addressed":
    case "stuck":
    case "circle":
    case "project_completed":
    case "plan_rejected":
    case "plan_failed":
    case "plan_completed":
      return event.kind;
    case "claim_lost":
      // An agent that fell silent does not work, and a person who ended its work wants it to know that.
      return event.why === "expired" ? undefined : "stopped";
    case "restored":
      return "assigned";
    case "reopened":
      return "sent_back";
    default:
      return undefined;
  }
}

function findWakeTargets(event: AnyEvent, facts: EventFacts, concierges: readonly string[]): string[] {
  switch (event.kind) {
    case "answered":
    case "sent_back":
    case "addressed":
    case "claim_lost":
      return [event.agent];
    case "plan_rejected":
      return event.cancelled ? [] : findPlanners(event, concierges);
    case "plan_failed":
    case "plan_completed":
      return findPlanners(event, concierges);
    case "stuck":
    case "circle":
      return [...concierges];
    case "project_completed":
      return event.planned ? [] : [...concierges];
    case "assigned":
    case "unblocked":
    case "reopened":
    case "restored":
      return facts.item?.agents ?? [];
    default:
      return [];
  }
}

/** A plan outlives its maker: another Concierge continues. */
function findPlanners({ agent }: { agent: string }, concierges: readonly string[]): string[] {
  return concierges.includes(agent) ? [agent] : [...concierges];
}
