import { z } from "zod";
import type { JobHandler } from "../../shared/app/deps.ts";
import { type OutboxBody, outboxBodySchema } from "../../shared/jobs/outgoing-jobs.ts";
import { keepDefined } from "../../shared/omit-undefined.ts";
import { toEventId } from "../../shared/task/events.ts";
import type { ActionBody, RuleSet } from "../../shared/task/rule-set.ts";

/** Creates a handler of the outbox that hands each of its jobs to `record` instead of sending it. */
export function createOutboxRecorder(record: (body: OutboxBody, jobId: string) => void): JobHandler {
  return {
    queue: "outbox",
    leaseMs: 60_000,
    concurrency: 1,
    async handle(_, job) {
      record(outboxBodySchema.parse(job.body), job.id);
      return { done: true };
    },
  };
}

const webhookSchema = z.object({ data: z.object({ id: z.string(), issue: z.string().optional() }) });

/** The id of the item that a webhook concerns, which the route uses as lane. */
export function getWebhookLane(body: string): string | undefined {
  try {
    const { data } = webhookSchema.parse(JSON.parse(body));
    return data.issue ?? data.id;
  } catch {
    return undefined;
  }
}

/** Reduces a request's path: no workspace, project, ids and query. */
export function toRoutePattern(path: string): string {
  const [route = ""] = path.split("?");
  return route
    .replace(/^\/api\/v1\/workspaces\/[^/]+\//, "")
    .replace(/^projects\/[0-9a-f-]{36}\/(?=.)/, "")
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, ":id")
    .replace(/\/$/, "");
}

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
