import type { Agent } from "../../shared/config/file.ts";
import type { Action, Consumer, Event, Facts } from "../../shared/task/events.ts";
import type { WakeReason } from "../../shared/wake/kept.ts";

/** Who is woken by what (OPENCLAW-16). An agent that polls (`wake` none) is not. */
export function wakeRules(agents: readonly Agent[]): Consumer {
  const woken = agents.filter(({ wake }) => wake.kind !== "none").map(({ name }) => name);
  const concierges = agents.filter(({ role }) => role === "concierge").map(({ name }) => name);

  return {
    name: "wake",
    needsActor: () => false,
    held(event, facts) {
      const polls = whom(event, facts, concierges).filter((name) => !woken.includes(name));
      return polls.map((name) => ({ consumer: "wake", why: "polls", rule: name }));
    },
    decide(event, facts, correlation) {
      const reason = reasonOf(event);
      if (!reason) return [];
      const names = whom(event, facts, concierges).filter((name) => woken.includes(name));
      return [...new Set(names)].map((name): Action => {
        const target = `wake:${name}`;
        return { target, queue: "wake", lane: target, body: { event, facts, correlation }, rule: `wake on ${reason}` };
      });
    },
  };
}

/** What an event means for whoever is woken by it; undefined: it wakes nobody. */
export function reasonOf(event: Event): WakeReason | undefined {
  switch (event.kind) {
    case "assigned":
    case "unblocked":
    case "answered":
    case "sent_back":
    case "stuck":
    case "circle":
    case "project_completed":
      return event.kind;
    case "restored":
      return "assigned";
    case "reopened":
      return "sent_back";
    default:
      return undefined;
  }
}

function whom(event: Event, facts: Facts, concierges: readonly string[]): string[] {
  switch (event.kind) {
    case "answered":
    case "sent_back":
      return [event.agent];
    case "stuck":
    case "circle":
    case "project_completed":
      return [...concierges];
    case "assigned":
    case "unblocked":
    case "reopened":
    case "restored":
      return facts.item?.agent?.split(", ") ?? [];
    default:
      return [];
  }
}
