import { omitUndefined } from "../../shared/omit-undefined.ts";
import type { AnyEvent, ClaimLossReason } from "../../shared/task/events.ts";
import type { EventFacts } from "../../shared/task/rule-set.ts";
import type { WakeTask } from "../../shared/wake/wake-record.ts";
import { toWakeReason } from "./rules.ts";

/** Why the work on a task ended; a stop names the person instead. */
const LOSS_TEXTS: Partial<Record<ClaimLossReason, string>> = {
  reassigned: "the task was reassigned",
  moved: "the status of the task was changed, or it was removed",
};

/** The task that an event adds to an agent's wake; undefined when the event wakes no agent. */
export function toWakeTask(event: AnyEvent, { item, project }: EventFacts): WakeTask | undefined {
  const reason = toWakeReason(event);
  if (!reason) return undefined;
  const subject = item ? { id: item.id, key: item.key, title: item.title } : getEventSubject(event, project);
  const text = getEventText(event);
  return { ...subject, reason, ...omitUndefined({ text }) };
}

function getEventSubject(event: AnyEvent, project: EventFacts["project"]): Omit<WakeTask, "reason" | "text"> {
  if (event.kind === "answered") return { id: event.question, key: "message", question: event.question };
  if ("plan" in event) return { id: event.plan, key: project?.identifier ?? "new", title: event.title };
  return { id: project?.id ?? "", key: project?.identifier ?? "", title: project?.name ?? "" };
}

function getEventText(event: AnyEvent): string | undefined {
  switch (event.kind) {
    case "answered":
      return `${event.by}: ${event.text}`;
    case "addressed":
      return event.text;
    case "claim_lost":
      return LOSS_TEXTS[event.why] ?? (event.by === undefined ? undefined : `stopped by ${event.by}`);
    case "sent_back":
      return event.reason ?? undefined;
    case "stuck":
      return `${event.blocker} is ${event.why}`;
    case "plan_rejected":
      return event.reason === null ? event.by : `${event.by}: ${event.reason}`;
    case "plan_failed":
      return event.text;
    case "circle":
      return event.path.join(" → ");
    default:
      return undefined;
  }
}
