import type { AgentSettings } from "../../shared/config/settings-file.ts";
import type { WorkJobBody } from "../../shared/jobs/work-jobs.ts";
import type { AnyEvent, EventFacts, InternalJob, RuleAction, RuleSet } from "../../shared/task/events.ts";

/** A kind of later work that needs nothing but the item and what is named here. */
type WorkJobKind = Exclude<WorkJobBody["do"], "ended" | "remind" | "adopt" | "settle" | "answer">;

/**
 * What follows from an event for the agents' work: claims are checked, labels and assignees brought in step, those
 * who wait are blocked or released, an answer is looked for. Without agents there is nothing to do.
 */
export function createWorkRules(agents: readonly AgentSettings[]): RuleSet {
  return {
    name: "work",
    needsActor: () => false,
    explainSkips: () => [],
    decide(event, facts, correlation) {
      const { item } = facts;
      if (agents.length === 0 || !item) return [];
      return listFollowUps(event, item, facts).map(({ kind, ...more }): RuleAction => {
        const body: InternalJob = { do: kind, item: item.id, correlation, ...more };
        return { target: kind, queue: "work", lane: `work:${item.id}`, body, rule: `work.${kind}` };
      });
    },
  };
}

type FollowUps = ({ kind: WorkJobKind } & Record<string, string>)[];

function listFollowUps(event: AnyEvent, item: NonNullable<EventFacts["item"]>, { actor }: EventFacts): FollowUps {
  switch (event.kind) {
    case "created":
    case "restored":
    case "assigned":
      return [{ kind: "mirror" }];
    case "unassigned":
      return [{ kind: "check" }, { kind: "mirror" }];
    case "removed":
      return [{ kind: "check" }];
    case "completed":
    case "reopened":
      return [{ kind: "check" }, ...onlyWithDependants(item, { kind: "unstick" })];
    case "cancelled":
      return [{ kind: "check" }, ...onlyWithDependants(item, { kind: "stick", why: "cancelled" })];
    case "blocked":
      // Who only waits for an open blocker goes on by itself; who is marked as blocked does not.
      return item.word === "blocked"
        ? [{ kind: "check" }, ...onlyWithDependants(item, { kind: "stick", why: "blocked" })]
        : [];
    case "started":
    case "unblocked":
      return onlyWithDependants(item, { kind: "unstick" });
    case "comment_added":
      // Agents answer no questions; somebody nobody knows counts as people, so that nothing is missed.
      return actor?.isAgent ? [] : [{ kind: "reply", comment: event.comment, by: actor?.name ?? "?" }];
    default:
      return [];
  }
}

function onlyWithDependants({ dependants }: NonNullable<EventFacts["item"]>, followUp: FollowUps[number]): FollowUps {
  return dependants > 0 ? [followUp] : [];
}
