import type { ForwardSettings } from "../../shared/config/settings-file.ts";
import { createForwardAction } from "../../shared/jobs/forward-jobs.ts";
import { type EventKind, PLAN_EVENT_KINDS, WORK_EVENT_KINDS } from "../../shared/task/events.ts";
import type { EventFacts, RuleSet } from "../../shared/task/rule-set.ts";

type ForwardEvent = ForwardSettings["events"][number];
type CommonName = Exclude<ForwardEvent, EventKind>;

/** Names that other systems expect (NOTIF-03). Events that are not listed change a work item: `issue.updated`. */
const COMMON_NAMES: Partial<Record<EventKind, CommonName | null>> = {
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

/** The name that other systems expect for an event; null when they know none. */
export function toCommonName(kind: EventKind): CommonName | null {
  const name = COMMON_NAMES[kind];
  return name === undefined ? "issue.updated" : name;
}

/**
 * The name under which an entry of the settings forwards an event: the event's own name when the entry lists it, else
 * the one that other systems expect. Undefined when the entry lists neither.
 */
export function findForwardName(kind: EventKind, events: readonly ForwardEvent[]): ForwardEvent | undefined {
  if (events.includes(kind)) return kind;
  const name = toCommonName(kind);
  return name !== null && events.includes(name) ? name : undefined;
}

/** Normalizes a URL to ASCII without spaces, so that it can be part of lanes, ids and headers. */
export function normalizeForwardUrl(url: string): string {
  return new URL(url).href;
}

/** Removes what only our own rules use: other systems get the agents as one text, in `agent`. */
function omitInternalFacts({ item, comment, ...others }: EventFacts): EventFacts {
  const facts: EventFacts = comment ? { ...others, comment: { id: comment.id, text: comment.text } } : others;
  if (!item) return facts;
  const { agents: _agents, blockedByDependency: _blocked, ...rest } = item;
  return { item: rest, ...facts };
}

/** Creates the rules of which events are forwarded to which system. */
export function createForwardRules(forwards: readonly ForwardSettings[]): RuleSet {
  const isForwarded = (kind: EventKind) => forwards.some(({ events }) => findForwardName(kind, events) !== undefined);
  return {
    name: "forward",
    explainSkips(event) {
      const isSkipped = forwards.length > 0 && !isForwarded(event.kind);
      return isSkipped ? [{ consumer: "forward", why: "no_rule" }] : [];
    },
    needsActor: () => false,
    canMatch: isForwarded,
    decide(event, facts, correlation) {
      return forwards.flatMap(({ url, events }, i) => {
        if (findForwardName(event.kind, events) === undefined) return [];
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
