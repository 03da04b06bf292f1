import { outboxSchema } from "../functions/telegram/notice.ts";
import type { Worker } from "../shared/deps.ts";
import { type Body, type Consumer, eventName } from "../shared/task/events.ts";

/** An action that was decided, kept as a job and worked: once per id, or something is doubled. */
export interface Recorded extends Body {
  /** `key:rev:event:target` */
  job: string;
}

/** Wants to be told everything; the recorder works what it is told. */
export function recording(needsActor: boolean): Consumer {
  return {
    name: "recorder",
    needsActor: () => needsActor,
    decide: (event, facts, correlation) => [
      {
        target: "ledger",
        queue: "outbox",
        lane: "ledger",
        body: { event, facts, correlation },
        rule: eventName(event),
      },
    ],
  };
}

/** Works the outbox by remembering what was decided, and says it as people would. */
export function createRecorder() {
  const actions: Recorded[] = [];
  const people = new Map<string, string>();
  let told = 0;

  const worker: Worker = {
    queue: "outbox",
    ttl: 60_000,
    parallel: 1,
    async work(_, job) {
      const body = outboxSchema.parse(job.body);
      if ("event" in body) actions.push({ job: job.id, ...body });
      return { done: true };
    },
  };

  function sentence({ event, facts }: Recorded): string {
    const about = facts.item?.key ?? facts.cycle?.name ?? facts.project.identifier;
    if ("who" in event) return `${about} ${event.kind} ${people.get(event.who) ?? event.who}`;
    return [about, event.kind, ...(facts.comment ? [JSON.stringify(facts.comment.text)] : [])].join(" ");
  }

  return {
    worker,
    /** Every action decided so far; also over restarts. */
    actions,
    /** What was decided since the last call, as people would say it: `ONB-1 assigned thot`. */
    events(): string[] {
      const news = actions.slice(told);
      told = actions.length;
      return news.map(sentence);
    },
    /** The name of this user is used in `events`. */
    know({ id, display_name }: { id: string; display_name: string }) {
      people.set(id, display_name);
    },
  };
}
