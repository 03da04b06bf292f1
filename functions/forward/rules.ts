import type { ForwardSettings } from "../../shared/config/settings-file.ts";
import { createForwardAction } from "../../shared/jobs/forward-jobs.ts";
import {
  type EventFacts,
  type EventKind,
  PLAN_EVENT_KINDS,
  type RuleSet,
  WORK_EVENT_KINDS,
} from "../../shared/task/events.ts";

type ForwardEvent = ForwardSettings["events"][number];

/** Names that other systems expect (NOTIF-03). Events that are not listed change a work item: `issue.updated`. */
const EVENT_NAMES: Partial<Record<EventKind, ForwardEvent | null>> = {
  created: "issue.created",
  assigned: "issue.assigned",
  completed: "issue.completed",
  comment_added: "issue.activity.created",
  comment_edited: "issue.activity.created",
  cycle_started: "cycle.started",
  cycle_completed: "cycle.completed",
  project_created: null,
  project_completed: null,
  // Work events, such as an agent's question, change nothing in Plane by themselves.
  ...mapToNull([...WORK_EVENT_KINDS, ...PLAN_EVENT_KINDS]),
};

function mapToNull(kinds: readonly EventKind[]): Partial<Record<EventKind, null>> {
  return Object.fromEntries(kinds.map((kind) => [kind, null]));
}

/** The name under which an event is forwarded; null when it is not forwarded. */
export function toForwardEventName(kind: EventKind): ForwardEvent | null {
  const name = EVENT_NAMES[kind];
  return name === undefined ? "issue.updated" : name;
}

/** Normalizes a URL to ASCII without spaces, so that it can be part of lanes, ids and headers. */
export function normalizeForwardUrl(url: string): string {
  return new URL(url).href;
}

/** Removes what only our own rules use: other systems get the agents as one text, in `agent`. */
function omitInternalFacts({ item, ...facts }: EventFacts): EventFacts {
  if (!item) return facts;
  const { agents: _agents, blockedByDependency: _blocked, ...rest } = item;
  return { item: rest, ...facts };
}

/** Creates the rules of which events are forwarded to which system. */
export function createForwardRules(forwards: readonly ForwardSettings[]): RuleSet {
  const isRequested = (name: ForwardEvent | null, events: readonly ForwardEvent[]) =>
    name !== null && events.includes(name);
  return {
    name: "forward",
    explainSkips(event) {
      const name = toForwardEventName(event.kind);
      const isForwarded = forwards.length === 0 || forwards.some(({ events }) => isRequested(name, events));
      return isForwarded ? [] : [{ consumer: "forward", why: "no_rule" }];
    },
    needsActor: () => false,
    canMatch: (kind) => forwards.some(({ events }) => isRequested(toForwardEventName(kind), events)),
    decide(event, facts, correlation) {
      const name = toForwardEventName(event.kind);
      return forwards.flatMap(({ url, events }, i) => {
        if (!isRequested(name, events)) return [];
        const action = createForwardAction(normalizeForwardUrl(url), {
          event,
          facts: omitInternalFacts(facts),
          correlation,
        });
        return [{ ...action, rule: `forward[${i}]` }];
      });
    },
  };
}
