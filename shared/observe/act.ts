import type { Deps } from "../deps.ts";
import type { Job, Json, Key, Put, Rev } from "../store/port.ts";
import { type Action, type Event, eventName, type Facts } from "../task/events.ts";
import { type Asked, subjectOf, whyPut } from "../why/trail.ts";

/** What was found and decided in one commit; told to the log once the commit is kept. */
export interface Decision {
  jobs: Job[];
  /** The trail: for each event what was decided about it, and why. */
  put: Put[];
  tell: () => void;
}

interface Change {
  /** The record that changed and the revision this change replaces: together they name it once and for all. */
  key: Key;
  rev: Rev;
  events: readonly Event[];
  correlation: string;
  via: string;
  facts: (event: Event) => Promise<Facts>;
}

/**
 * Asks every consumer what to do about the events and makes jobs of it, to be written in the same commit as the
 * change itself. A job's id is `key:rev:event:target`, so the same change decided twice is one job.
 */
export async function decide(
  deps: Pick<Deps, "consumers" | "log" | "metrics" | "clock">,
  change: Change,
): Promise<Decision> {
  const { key: record, rev, via, correlation } = change;
  const jobs: Job[] = [];
  const put: Put[] = [];
  const told: { event: Event; label: string; actions: string[] }[] = [];
  for (const event of change.events) {
    const facts = await change.facts(event);
    const actions = deps.consumers.flatMap((consumer) => consumer.decide(event, facts, change.correlation));
    const asked: Asked[] = [];
    for (const { target, queue, lane, body, rule } of actions) {
      const job = `${record}:${rev}:${eventName(event)}:${target}`;
      jobs.push({ id: job, queue, lane, body: asJson(body) });
      // Errands are how, not what: the trail tells what was decided for people and agents.
      if (!("do" in body)) asked.push({ rule, target, queue, job });
    }
    const held = deps.consumers.flatMap((consumer) => consumer.held?.(event, facts) ?? []);
    put.push(whyPut({ at: deps.clock(), record, rev, event, ...subjectOf(facts), via, correlation, asked, held }));
    const label = facts.item?.key ?? facts.cycle?.name ?? facts.project.identifier;
    told.push({ event, label, actions: actions.map((action) => `${action.rule} → ${action.target}`) });
  }
  const tell = () => {
    for (const { event, label, actions } of told) {
      deps.log.info("event", { correlation, via, record, item: label, event: event.kind, actions });
      deps.metrics.count("groundcrew_events_total", { event: event.kind });
    }
    for (const job of jobs) deps.metrics.count("groundcrew_actions_total", { target: job.queue });
  };
  return { jobs, put, tell };
}

/** Bodies hold only strings, numbers, booleans, nulls, arrays and plain objects; the type cannot say so of an interface. */
function asJson(body: Action["body"]): Json {
  return body as unknown as Json;
}
