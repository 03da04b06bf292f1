import type { Forward } from "../../shared/config/file.ts";
import { type Consumer, type EventKind, WORK_KINDS } from "../../shared/task/events.ts";

type ForwardEvent = Forward["events"][number];

/** The names other systems expect (NOTIF-03). What is not listed changes a work item: `issue.updated`. */
const NAMES: Partial<Record<EventKind, ForwardEvent | null>> = {
  created: "issue.created",
  assigned: "issue.assigned",
  completed: "issue.completed",
  comment_added: "issue.activity.created",
  comment_edited: "issue.activity.created",
  cycle_started: "cycle.started",
  cycle_completed: "cycle.completed",
  project_created: null,
  project_completed: null,
  // What agents say to people here changes nothing in Plane by itself.
  ...silent(WORK_KINDS),
};

function silent(kinds: readonly EventKind[]): Partial<Record<EventKind, null>> {
  return Object.fromEntries(kinds.map((kind) => [kind, null]));
}

/** The name an event is forwarded under; null: it is not forwarded. */
export function forwardName(kind: EventKind): ForwardEvent | null {
  const name = NAMES[kind];
  return name === undefined ? "issue.updated" : name;
}

/** The address as it is asked for: without blanks and in ASCII, so that it can be part of lanes, ids and headers. */
export function addressOf(url: string): string {
  return new URL(url).href;
}

/** What goes to which other system. One lane per address and work item, so that the order within an item is kept. */
export function forwardRules(forwards: readonly Forward[]): Consumer {
  const asks = (name: ForwardEvent | null, events: readonly ForwardEvent[]) => name !== null && events.includes(name);
  return {
    name: "forward",
    held(event) {
      const name = forwardName(event.kind);
      const isAsked = forwards.length === 0 || forwards.some(({ events }) => asks(name, events));
      return isAsked ? [] : [{ consumer: "forward", why: "no_rule" }];
    },
    needsActor: () => false,
    decide(event, facts, correlation) {
      const name = forwardName(event.kind);
      return forwards.flatMap(({ url, events }, i) => {
        if (!asks(name, events)) return [];
        const about = facts.item?.id ?? facts.cycle?.id ?? facts.project.id;
        const target = `forward:${addressOf(url)}`;
        const body = { event, facts, correlation };
        return [{ target, queue: "forward", lane: `${target} ${about}`, body, rule: `forward[${i}]` }];
      });
    },
  };
}
