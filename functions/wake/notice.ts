import type { Event, Facts } from "../../shared/task/events.ts";
import type { WakeTask } from "../../shared/wake/kept.ts";
import { reasonOf } from "./rules.ts";

/** What an agent is to look at because of an event; undefined when the event wakes nobody. */
export function taskOf(event: Event, { item, project }: Facts): WakeTask | undefined {
  const reason = reasonOf(event);
  if (!reason) return undefined;
  const subject = item
    ? { id: item.id, key: item.key, title: item.title }
    : { id: project.id, key: project.identifier, title: project.name };
  const text = textOf(event);
  return { ...subject, reason, ...(text !== undefined && { text }) };
}

function textOf(event: Event): string | undefined {
  switch (event.kind) {
    case "answered":
      return `${event.by}: ${event.text}`;
    case "sent_back":
      return event.reason ?? undefined;
    case "stuck":
      return `${event.blocker} is ${event.why}`;
    case "circle":
      return event.path.join(" → ");
    default:
      return undefined;
  }
}
