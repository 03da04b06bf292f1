/**
 * Every change asks all rule sets what follows from its events. The jobs and the entries of the decision log are
 * written in the commit of the change, so a change is never decided twice and never lost.
 */

import type { Deps } from "../app/deps.ts";
import type { Json } from "../omit-undefined.ts";
import { createDecisionPut, type RequestedAction, toDecisionSubject } from "../records/decision-log.ts";
import { observedKeys } from "../records/store-keys.ts";
import type { Job, Put, Revision, StoreKey } from "../store/port.ts";
import { type AnyEvent, toEventId } from "../task/events.ts";
import { type EventFacts, getEventProject } from "../task/rule-set.ts";

interface RecordChange<E extends AnyEvent> {
  /** The record that changed and the revision that the change replaces; together they identify the change. */
  key: StoreKey;
  rev: Revision;
  events: readonly E[];
  correlation: string;
  via: string;
  facts: (event: E) => Promise<EventFacts>;
  /** The writes of the change itself, and its other jobs. */
  put?: readonly Put[];
  jobs?: readonly Job[];
}

/**
 * Runs every rule set on the events of a change and returns the commit of that change: its own writes, the jobs of all
 * actions, and the entries of the decision log, for each event the actions taken or skipped, with the reasons. A job's
 * id is `key:rev:event:target`, so deciding the same change twice gives the same jobs. Log lines and metrics are
 * written once the commit has succeeded.
 */
export async function prepareChange<E extends AnyEvent>(
  deps: Pick<Deps, "ruleSets" | "log" | "metrics" | "clock">,
  change: RecordChange<E>,
): Promise<{ put: Put[]; jobs: Job[]; afterCommit: () => void }> {
  const { key: record, rev, via, correlation } = change;
  const jobs: Job[] = [];
  const entries: Put[] = [];
  const decided: { event: AnyEvent; label: string; actions: string[] }[] = [];
  for (const event of change.events) {
    const facts = await change.facts(event);
    const itemRev = facts.item && record === observedKeys.item(facts.item.id) ? rev : undefined;
    const actions = deps.ruleSets.flatMap((ruleSet) =>
      ruleSet
        .decide(event, facts, correlation, itemRev)
        .map((action) => ({ ...action, isInternal: ruleSet.isInternal })),
    );
    const requested: RequestedAction[] = [];
    for (const { target, queue, lane, body, rule, isInternal } of actions) {
      const job = `${record}:${rev}:${toEventId(event)}:${target}`;
      // Bodies contain JSON values only, but TypeScript cannot check that for types declared as interfaces.
      jobs.push({ id: job, queue, lane, body: body as unknown as Json });
      // The decision log shows decisions that concern people and agents; internal jobs only synchronize state.
      if (!isInternal) requested.push({ rule, target, queue, job });
    }
    const skipped = deps.ruleSets.flatMap((ruleSet) => ruleSet.explainSkips?.(event, facts) ?? []);
    const subject = { record, rev, event, ...toDecisionSubject(event, facts), via, correlation };
    entries.push(createDecisionPut({ at: deps.clock(), ...subject, actions: requested, skipped }));
    const label =
      facts.item?.key ?? facts.cycle?.name ?? facts.project?.identifier ?? getEventProject(event, facts).name;
    decided.push({ event, label, actions: actions.map((action) => `${action.rule} → ${action.target}`) });
  }
  const afterCommit = () => {
    for (const { event, label, actions } of decided) {
      deps.log.info("event", { correlation, via, record, item: label, event: event.kind, actions });
      deps.metrics.count("groundcrew_events_total", { event: event.kind });
    }
    for (const job of jobs) deps.metrics.count("groundcrew_actions_total", { target: job.queue });
  };
  return { put: [...(change.put ?? []), ...entries], jobs: [...jobs, ...(change.jobs ?? [])], afterCommit };
}
