import type { Agent } from "../../shared/config/file.ts";
import type { Action, Consumer, Errand, Event, Facts } from "../../shared/task/events.ts";
import type { WorkBody } from "../../shared/work/jobs.ts";

/** A kind of later work that needs nothing but the item and what is named here. */
type Kind = Exclude<WorkBody["do"], "ended" | "remind" | "adopt" | "settle" | "answer">;

/**
 * What follows from an event for the agents' work: claims are checked, labels and assignees brought in step, those
 * who wait are blocked or released, an answer is looked for. Without agents there is nothing to do.
 */
export function workRules(agents: readonly Agent[]): Consumer {
  return {
    name: "work",
    needsActor: () => false,
    held: () => [],
    decide(event, facts, correlation) {
      const { item } = facts;
      if (agents.length === 0 || !item) return [];
      return errandsOf(event, item, facts).map(({ kind, ...more }): Action => {
        const body: Errand = { do: kind, item: item.id, correlation, ...more };
        return { target: kind, queue: "work", lane: `work:${item.id}`, body, rule: `work.${kind}` };
      });
    },
  };
}

type Errands = ({ kind: Kind } & Record<string, string>)[];

function errandsOf(event: Event, item: NonNullable<Facts["item"]>, { actor }: Facts): Errands {
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
      return [{ kind: "check" }, ...forDependants(item, { kind: "unstick" })];
    case "cancelled":
      return [{ kind: "check" }, ...forDependants(item, { kind: "stick", why: "cancelled" })];
    case "blocked":
      // Who only waits for an open blocker goes on by itself; who is marked as blocked does not.
      return item.word === "blocked"
        ? [{ kind: "check" }, ...forDependants(item, { kind: "stick", why: "blocked" })]
        : [];
    case "started":
    case "unblocked":
      return forDependants(item, { kind: "unstick" });
    case "comment_added":
      // Agents answer no questions; somebody nobody knows counts as people, so that nothing is missed.
      return actor?.isAgent ? [] : [{ kind: "reply", comment: event.comment, by: actor?.name ?? "?" }];
    default:
      return [];
  }
}

function forDependants({ dependants }: NonNullable<Facts["item"]>, errand: Errands[number]): Errands {
  return dependants > 0 ? [errand] : [];
}
