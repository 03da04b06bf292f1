import type { AgentSettings } from "../../shared/config/settings-file.ts";
import { toLabelsLane, type WorkJobBody } from "../../shared/jobs/work-jobs.ts";
import type { AnyEvent } from "../../shared/task/events.ts";
import type { EventFacts, RuleAction, RuleSet } from "../../shared/task/rule-set.ts";

/** The jobs that may follow from an event. */
type FollowUp = Extract<WorkJobBody, { do: "mirror" | "check" | "unstick" | "stick" | "reply" | "remark" }>;

/**
 * The rules for agents' work: after an event, claims are checked, labels and assignees are synchronized, dependants are
 * blocked or unblocked, and what people wrote is passed on to agents. Without agents no rule matches.
 */
export function createWorkRules(agents: readonly AgentSettings[]): RuleSet {
  return {
    name: "work",
    isInternal: true,
    needsActor: () => false,
    decide(event, facts, correlation) {
      const { item } = facts;
      if (agents.length === 0 || !item) return [];
      return listFollowUps(event, item, facts, correlation).map((body): RuleAction => {
        const lane = body.do === "mirror" ? toLabelsLane(item.id) : `work:${item.id}`;
        return { target: body.do, queue: "work", lane, body, rule: `work.${body.do}` };
      });
    },
  };
}

function listFollowUps(
  event: AnyEvent,
  item: NonNullable<EventFacts["item"]>,
  facts: EventFacts,
  correlation: string,
): FollowUp[] {
  const common = { item: item.id, correlation };
  switch (event.kind) {
    case "created":
    case "restored":
    case "assigned":
      return [{ do: "mirror", ...common }];
    case "unassigned":
      return [
        { do: "check", ...common },
        { do: "mirror", ...common },
      ];
    case "removed":
      return [{ do: "check", ...common }];
    case "completed":
    case "reopened":
      return [{ do: "check", ...common }, ...onlyWithDependants(item, { do: "unstick", ...common })];
    case "cancelled":
      return [{ do: "check", ...common }, ...onlyWithDependants(item, { do: "stick", ...common, why: "cancelled" })];
    case "blocked":
      // A task with an open blocker continues by itself once that is done; a task marked as blocked does not.
      return item.word === "blocked"
        ? [{ do: "check", ...common }, ...onlyWithDependants(item, { do: "stick", ...common, why: "blocked" })]
        : [];
    case "started":
    case "unblocked":
      return onlyWithDependants(item, { do: "unstick", ...common });
    case "comment_added":
    case "comment_edited":
      return listCommentFollowUps(event, facts, common);
    default:
      return [];
  }
}

/**
 * Passes a person's comment on to agents. An unknown actor counts as a person, so that no word of one is missed. The
 * comment of a program may answer a question, but wakes nobody.
 */
function listCommentFollowUps(
  { kind, comment: id }: Extract<AnyEvent, { kind: "comment_added" | "comment_edited" }>,
  { actor, comment }: EventFacts,
  common: Pick<FollowUp, "item" | "correlation">,
): FollowUp[] {
  if (actor?.isAgent) return [];
  const by = actor?.name ?? "?";
  const source = kind === "comment_added" ? "comment" : "edit";
  if (comment?.remark) return [{ do: "remark", ...common, remark: id, by, ...comment.remark, source }];
  return kind === "comment_added" ? [{ do: "reply", ...common, comment: id, by }] : [];
}

function onlyWithDependants({ dependants }: NonNullable<EventFacts["item"]>, followUp: FollowUp): FollowUp[] {
  return dependants > 0 ? [followUp] : [];
}
