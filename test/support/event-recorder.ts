import { keepDefined } from "../../shared/omit-undefined.ts";
import { toEventId } from "../../shared/task/events.ts";
import type { ActionBody, RuleSet } from "../../shared/task/rule-set.ts";
import { createOutboxRecorder } from "./test-app-parts.ts";

/** An action that was requested, stored as a job and handled; two with one id mean that something was done twice. */
export interface RecordedAction extends ActionBody {
  /** `key:rev:event:target` */
  job: string;
}

/** Creates a rule set that requests an action for every event; the recorder works these actions. */
export function createRecordingRuleSet(needsActor: boolean): RuleSet {
  return {
    name: "recorder",
    needsActor: () => needsActor,
    decide: (event, facts, correlation) => [
      {
        target: "ledger",
        queue: "outbox",
        lane: "ledger",
        body: { type: "notification", chat: 0, event, facts, correlation },
        rule: toEventId(event),
      },
    ],
  };
}

/** Creates a handler of the outbox that records actions, and formats them for assertions. */
export function createEventRecorder() {
  const actions: RecordedAction[] = [];
  const people = new Map<string, string>();
  let takenCount = 0;

  const jobHandler = createOutboxRecorder((body, job) => {
    if (body.type !== "notification") return;
    const { event, facts, correlation } = body;
    actions.push({ job, event, facts, correlation });
  });

  function formatAction({ event, facts }: RecordedAction): string {
    const subject = facts.item?.key ?? facts.cycle?.name ?? facts.project?.identifier;
    if ("who" in event) return `${subject} ${event.kind} ${people.get(event.who) ?? event.who}`;
    return keepDefined([subject, event.kind, facts.comment ? JSON.stringify(facts.comment.text) : undefined]).join(" ");
  }

  return {
    jobHandler,
    /** Every action so far, across restarts. */
    actions,
    /** The actions since the last call, as text: `ONB-1 assigned thot`. */
    takeEvents(): string[] {
      const newActions = actions.slice(takenCount);
      takenCount = actions.length;
      return newActions.map(formatAction);
    },
    /** Makes `takeEvents` use this user's name. */
    addPerson({ id, display_name }: { id: string; display_name: string }) {
      people.set(id, display_name);
    },
  };
}
