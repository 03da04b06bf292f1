import type { Deps } from "../deps.ts";
import type { Job, Key, Put, Rev } from "../store/port.ts";
import { accept, type Seen } from "../task/accept.ts";
import { diff, holdsOthersUp, isOpen } from "../task/diff.ts";
import type { TaskEvent } from "../task/events.ts";
import type { KeptItem, Snapshot } from "../task/snapshot.ts";
import { workJob } from "../work/jobs.ts";
import { decide } from "./act.ts";
import { type FactsDeps, type Hint, itemFacts } from "./facts.ts";
import { detailsJob, fanJob, linesJob, projectCheckJob, readJob } from "./jobs.ts";
import type { KeptProject } from "./kept.ts";
import { keys, sets, TOMBSTONE_MS } from "./keys.ts";
import { mayNameBlockers } from "./lines.ts";
import { withHands } from "./owners.ts";

export type ObserveDeps = FactsDeps & Pick<Deps, "log" | "metrics" | "newId" | "wait">;

/** Where an observation comes from. */
export interface Source {
  project: KeptProject;
  correlation: string;
  /** Names this observation once and for all: a repeated one queues no second read. */
  cause: string;
  hint?: Hint | undefined;
  /** Plane's time: an unseen item created since is new, an older one was there before us. Default: the project's baseline. */
  newSince?: string;
}

export interface Outcome {
  events: TaskEvent[];
  /** The observation could not be taken as it is: the item is to be read again, so many milliseconds from now. */
  rereadIn?: number;
}

/**
 * The one door for every observation of a work item, be it a webhook, a read, a PATCH answer or an absence:
 * compares it with what is kept, keeps the result with everything decided on it in one commit, and starts over
 * when something else was kept meanwhile. A read that turns out necessary is queued unless `rereads` is false
 * (then the caller reads by itself).
 */
export async function observeItem(
  deps: ObserveDeps,
  id: string,
  seen: Seen,
  source: Source,
  { rereads = true }: { rereads?: boolean } = {},
): Promise<Outcome> {
  for (;;) {
    const [kept] = await deps.store.read<KeptItem>([keys.item(id)]);
    const rev = kept?.rev ?? 0;
    const verdict = accept(kept?.value, rev, seen);
    const project = source.project.id;
    const reread: Job[] =
      rereads && verdict.rereadIn !== undefined
        ? [readJob(project, id, source, (await deps.store.now()) + verdict.rereadIn)]
        : [];
    if (!verdict.next) {
      const details = seen.via === "read" && kept ? detailsJob(kept.value, source.correlation) : [];
      if (reread.length + details.length > 0) await deps.store.commit({ jobs: [...reread, ...details] });
      return { events: [], ...(verdict.rereadIn !== undefined && { rereadIn: verdict.rereadIn }) };
    }
    const known = !kept && verdict.next.snapshot.createdAt < (source.newSince ?? source.project.began);
    const events = known || verdict.next.snapshot.quiet ? [] : diff(kept?.value, verdict.next);
    // At the baseline the details of everything would be too many reads; later they are read like any other's.
    const next =
      known && !source.project.baseline
        ? { ...verdict.next, detailsAt: verdict.next.snapshot.updatedAt }
        : started(verdict.next, events);
    const result = await keepItem(deps, {
      before: kept?.value,
      rev,
      next,
      events,
      source,
      via: seen.via,
      jobs: [...reread, ...(seen.via === "read" ? detailsJob(next, source.correlation) : [])],
    });
    if (result === "kept") return { events, ...(verdict.rereadIn !== undefined && { rereadIn: verdict.rereadIn }) };
  }
}

interface Step {
  before: KeptItem | undefined;
  rev: number;
  next: KeptItem;
  events: TaskEvent[];
  source: Source;
  via: string;
  jobs: Job[];
  /** What else belongs into the commit. */
  also?: { expect: [Key, Rev][]; put: Put[] };
}

/** Keeps an item's next state, the jobs its events call for, and what others must hear of it, in one commit. */
export async function keepItem(deps: ObserveDeps, step: Step): Promise<"kept" | "stale"> {
  const { source, rev } = step;
  const next = await withHands(deps, step.before, step.next);
  const { id } = next.snapshot;
  const key = keys.item(id);
  const decision = await decide(deps, {
    key,
    rev,
    events: step.events,
    correlation: source.correlation,
    via: step.via,
    facts: (event) => itemFacts(deps, source.project, next, event as TaskEvent, { hint: source.hint }),
  });
  const result = await deps.store.commit({
    expect: [[key, rev], ...(step.also?.expect ?? [])],
    put: [itemPut(next), ...decision.put, ...(step.also?.put ?? [])],
    jobs: [...decision.jobs, ...step.jobs, ...ripples(deps, { ...step, next })],
  });
  if (result !== "kept") return "stale";
  decision.tell();
  return "kept";
}

/** A kept item in its sets; a removed one is in none and forgotten after 30 days. */
export function itemPut(item: KeptItem) {
  const { id, project, sequence, word } = item.snapshot;
  const key = keys.item(id);
  if (item.gone !== undefined) return { key, value: item, sets: [], expires: TOMBSTONE_MS };
  const number = sets.numbered(project, sequence);
  if (item.snapshot.quiet) return { key, value: item, sets: [sets.quiet(project), number] };
  const open = isOpen(word) ? [sets.open(project)] : [];
  const waiting = item.blockers.length > 0 ? [sets.waiting] : [];
  const owned = isOpen(word) ? (item.owners ?? []).map(sets.tasks) : [];
  return { key, value: item, sets: [sets.items(project), number, ...open, ...waiting, ...owned] };
}

/** A blocker's new state moves nothing on its dependants, and a project's end nothing on the project: we look. */
function ripples({ settings }: Pick<ObserveDeps, "settings">, { before, next, rev }: Step): Job[] {
  if (next.snapshot.quiet) return [];
  const jobs: Job[] = [];
  const { id, project } = next.snapshot;
  const { dependants_wait } = settings.done;
  const turned = holdsOthersUp(before, dependants_wait) !== holdsOthersUp(next, dependants_wait);
  if (turned || isStuck(before) !== isStuck(next)) jobs.push(fanJob(next.snapshot, rev));
  if (wasReviewed(before, next)) {
    const correlation = `reviewed:${id}:${rev}`;
    jobs.push(workJob(correlation, `work:${id}`, { do: "reviewed", item: id, correlation }));
  }
  if (turned || !before) jobs.push(projectCheckJob(project, `${id}:${rev}`));
  if ((turned || toldAnew(before, next)) && (mayNameBlockers(before) || mayNameBlockers(next)))
    jobs.push(linesJob(next.snapshot, rev));
  return jobs;
}

/** Those who wait for it wait in vain for now: by its own state, not because of what it waits for. */
function isStuck(item: KeptItem | undefined): boolean {
  const word = item?.gone === undefined ? item?.snapshot.word : undefined;
  return word === "blocked" || word === "cancelled";
}

function toldAnew(before: KeptItem | undefined, next: KeptItem): boolean {
  return before?.snapshot.description !== next.snapshot.description;
}

/** It was in review, and is over or goes on. */
function wasReviewed(before: KeptItem | undefined, next: KeptItem): boolean {
  const waits = ({ review, snapshot }: KeptItem) => review === true && isOpen(snapshot.word);
  return before !== undefined && waits(before) && !waits(next);
}

/** Remembers Plane's time of the change that started the work. */
function started(item: KeptItem, events: readonly TaskEvent[]): KeptItem {
  if (!events.some((event) => event.kind === "started")) return item;
  return { ...item, startedAt: item.snapshot.updatedAt };
}

/** A snapshot's row that says nothing new: nothing to observe but perhaps details to read. */
export function saysNothingNew(kept: KeptItem | undefined, same: (kept: Snapshot) => boolean): kept is KeptItem {
  return kept !== undefined && kept.gone === undefined && kept.doubt === undefined && same(kept.snapshot);
}
