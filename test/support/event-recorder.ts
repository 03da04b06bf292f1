import type { JobHandler } from "../../shared/app/deps.ts";
import { outboxBodySchema } from "../../shared/jobs/outbox-jobs.ts";
import { keepDefined } from "../../shared/keep-defined.ts";
import { type ActionBody, type RuleSet, toEventId } from "../../shared/task/events.ts";

/** An action that was decided, kept as a job and worked: once per id, or something is doubled. */
export interface RecordedAction extends ActionBody {
  /** `key:rev:event:target` */
  job: string;
}

/** Wants to be told everything; the recorder works what it is told. */
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

/** Works the outbox by remembering what was decided, and says it as people would. */
export function createEventRecorder() {
  const actions: RecordedAction[] = [];
  const people = new Map<string, string>();
  let takenCount = 0;

  const jobHandler: JobHandler = {
    queue: "outbox",
    leaseMs: 60_000,
    concurrency: 1,
    async handle(_, job) {
      const body = outboxBodySchema.parse(job.body);
      if (body.type === "notification") {
        const { event, facts, correlation } = body;
        actions.push({ job: job.id, event, facts, correlation });
      }
      return { done: true };
    },
  };

  function formatAction({ event, facts }: RecordedAction): string {
    const subject = facts.item?.key ?? facts.cycle?.name ?? facts.project.identifier;
    if ("who" in event) return `${subject} ${event.kind} ${people.get(event.who) ?? event.who}`;
    return keepDefined([subject, event.kind, facts.comment ? JSON.stringify(facts.comment.text) : undefined]).join(" ");
  }

  return {
    jobHandler,
    /** Every action decided so far; also over restarts. */
    actions,
    /** What was decided since the last call, as people would say it: `ONB-1 assigned thot`. */
    takeEvents(): string[] {
      const newActions = actions.slice(takenCount);
      takenCount = actions.length;
      return newActions.map(formatAction);
    },
    /** The name of this user is used in `events`. */
    addPerson({ id, display_name }: { id: string; display_name: string }) {
      people.set(id, display_name);
    },
  };
}
