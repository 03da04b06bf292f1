import { dependantsOf } from "../observe/edges.ts";
import type { KeptEdge } from "../observe/kept.ts";
import { keys, sets } from "../observe/keys.ts";
import { PlaneNotFoundError } from "../plane/errors.ts";
import type { Rev } from "../store/port.ts";
import { all } from "../store/walk.ts";
import { isOpen } from "../task/diff.ts";
import type { KeptItem, Word } from "../task/snapshot.ts";
import { type Acting, actFor, type WorkDeps } from "./acting.ts";
import { announce } from "./announce.ts";
import { type Causes, causesOf } from "./causes.ts";
import { keptTask, type Task } from "./find.ts";
import { workJob } from "./jobs.ts";
import { workKeys, workSets } from "./keys.ts";
import { HOUSE } from "./refusals.ts";
import { escaped, say } from "./say.ts";
import { bringTo } from "./states.ts";

/** A task that was blocked because of what it waits for (OPENCLAW-14). */
export interface KeptStuck {
  item: string;
  /**
   * On the way there, there, on the way back; `excused`: people moved it out of Blocked by hand, and it is not blocked
   * for these blockers again.
   */
  phase: "blocking" | "stuck" | "releasing" | "excused";
  for: Causes;
  /** Names this time in the comments about it: a comment is written once. */
  episode: string;
}

interface About {
  item: string;
  correlation: string;
}

type Step = "nothing" | "block" | "release" | "excuse" | "forget";

/** This item was cancelled or blocked: those who wait for it are looked at. */
export async function stickDependants(deps: WorkDeps, { item, correlation }: About): Promise<void> {
  await askToSettle(deps, await dependantsOf(deps, item), correlation);
}

/** This item goes on, or is done: so are those who wait for it, and it itself, if people moved it. */
export async function unstickDependants(deps: WorkDeps, { item, correlation }: About): Promise<void> {
  await askToSettle(deps, [item, ...(await dependantsOf(deps, item))], correlation);
}

/** Queues what is to be done about those of the items that are to be blocked or released. No request to Plane. */
export async function askToSettle(deps: WorkDeps, ids: Iterable<string>, correlation: string): Promise<void> {
  if (deps.settings.agents.length === 0) return;
  for (const id of ids) {
    const { step } = await look(deps, id);
    if (step === "nothing") continue;
    const job = workJob(`settle:${id}:${correlation}`, `stuck:${id}`, { do: "settle", item: id, correlation });
    await deps.store.commit({ jobs: [job] });
    deps.kick();
  }
}

/** The same for everything that waits or was blocked for it, from state: heals what a lost job left (rule 10). */
export async function askToSettleAll(deps: WorkDeps, correlation: string): Promise<void> {
  if (deps.settings.agents.length === 0) return;
  const [edges, stuck] = await Promise.all([all<KeptEdge>(deps, sets.edges), all<KeptStuck>(deps, workSets.stuck)]);
  const blockers = await deps.store.read<KeptItem>(edges.map(({ value }) => keys.item(value.blocker)));
  const inVain = edges.filter((_, i) => ["blocked", "cancelled"].includes(blockers[i]?.value.snapshot.word ?? ""));
  const ids = [...inVain.map(({ value }) => value.blocked), ...stuck.map(({ value }) => value.item)];
  await askToSettle(deps, new Set(ids), correlation);
}

/**
 * Blocks an open task whose blocker was cancelled or is itself blocked, with a comment that says why, and tells people
 * and the Concierge; releases it to todo when that is over. Begun and cut off, it goes on where it was.
 */
export async function settleStuck(deps: WorkDeps, { item, correlation }: About): Promise<void> {
  const acting = actFor(deps, { name: HOUSE, role: "human" }, correlation);
  for (;;) {
    const seen = await look(deps, item);
    try {
      if ((await act(acting, seen)) === "over") return;
    } catch (thrown) {
      // Gone from Plane: the next look at the project will say so.
      if (thrown instanceof PlaneNotFoundError) return;
      throw thrown;
    }
  }
}

interface Seen {
  step: Step;
  id: string;
  task?: Task;
  stuck?: KeptStuck;
  rev: Rev;
  causes: Causes;
}

async function look(deps: WorkDeps, id: string): Promise<Seen> {
  const [task, [kept]] = await Promise.all([keptTask(deps, id), deps.store.read<KeptStuck>([workKeys.stuck(id)])]);
  const open = task !== undefined && task.item.gone === undefined && isOpen(task.item.snapshot.word);
  const causes = open ? await causesOf(deps, id) : {};
  const stuck = kept?.value;
  const step = open ? stepFor(task.item.snapshot.word, stuck, causes) : stuck ? "forget" : "nothing";
  return { step, id, ...(task && { task }), ...(stuck && { stuck }), rev: kept?.rev ?? 0, causes };
}

function stepFor(word: Word, stuck: KeptStuck | undefined, causes: Causes): Step {
  const because = Object.keys(causes).length > 0;
  const more = Object.keys(causes).some((blocker) => !stuck?.for[blocker]);
  switch (stuck?.phase) {
    case undefined:
      // Somebody has blocked it already, for reasons of their own.
      return because && word !== "blocked" ? "block" : "nothing";
    case "blocking":
      return because ? "block" : "release";
    case "stuck":
      if (word !== "blocked") return because ? "excuse" : "forget";
      return !because ? "release" : more ? "block" : "nothing";
    case "releasing":
      return "release";
    case "excused":
      if (!because) return "forget";
      return more && word !== "blocked" ? "block" : "nothing";
  }
}

/** One step; "over" when there is nothing more to do now. */
async function act(acting: Acting, seen: Seen): Promise<"over" | "again"> {
  const { stuck, task, causes } = seen;
  if (seen.step === "nothing" || (!stuck && !task)) return "over";
  if (seen.step === "block" && task) return block(acting, seen, task);
  if (seen.step === "release" && stuck && task) return release(acting, seen, stuck, task);
  const next = seen.step === "excuse" && stuck ? { ...stuck, phase: "excused" as const, for: causes } : undefined;
  return (await keep(acting, seen, next)) === 0 ? "again" : "over";
}

async function block(acting: Acting, seen: Seen, task: Task): Promise<"over" | "again"> {
  const { deps, correlation } = acting;
  const { stuck, causes, id } = seen;
  const same = stuck?.phase === "blocking" || stuck?.phase === "stuck";
  const next: KeptStuck = {
    item: id,
    phase: "blocking",
    for: causes,
    episode: same ? stuck.episode : deps.newId(),
  };
  const rev = await keep(acting, seen, next);
  if (rev === 0) return "again";
  const blocked = await bringTo(acting, task, "blocked");
  const first = Object.keys(causes).find((blocker) => stuck?.phase === "blocking" || !stuck?.for[blocker]);
  for (const [blocker, why] of Object.entries(causes)) {
    const other = await keptTask(deps, blocker);
    await say(acting, blocked, `stuck:${next.episode}:${blocker}`, reason(other, why));
  }
  const named = first === undefined ? undefined : await keptTask(deps, first);
  const event = { kind: "stuck", blocker: named?.key ?? "?", why: causes[first ?? ""] ?? "blocked" } as const;
  const record = workKeys.stuck(id);
  const put = [{ key: record, value: { ...next, phase: "stuck" }, sets: [workSets.stuck] }];
  const outcome = await announce(deps, blocked, event, correlation, { record, rev, put });
  return outcome === "kept" ? "over" : "again";
}

async function release(acting: Acting, seen: Seen, stuck: KeptStuck, task: Task): Promise<"over" | "again"> {
  const rev = stuck.phase === "releasing" ? seen.rev : await keep(acting, seen, { ...stuck, phase: "releasing" });
  if (rev === 0) return "again";
  const free = task.item.snapshot.word === "blocked" ? await bringTo(acting, task, "todo") : task;
  await say(acting, free, `released:${stuck.episode}`, await relief(acting.deps, stuck));
  // Something may be the matter again by now: another look tells.
  await keep(acting, { ...seen, rev }, undefined);
  return "again";
}

/** Keeps (or forgets) the record; its new revision, 0 when somebody else was at it. A forgotten one has revision 1. */
async function keep(
  { deps }: Acting,
  { id, rev }: Pick<Seen, "id" | "rev">,
  next: KeptStuck | undefined,
): Promise<Rev> {
  const key = workKeys.stuck(id);
  const put = [{ key, value: next, ...(next && { sets: [workSets.stuck] }) }];
  if ((await deps.store.commit({ expect: [[key, rev]], put })) !== "kept") return 0;
  if (!next) return 1;
  const [kept] = await deps.store.read([key]);
  return kept?.rev ?? 0;
}

function reason(blocker: Task | undefined, why: Causes[string]): string {
  const what = why === "cancelled" ? "was cancelled" : "is blocked itself";
  return (
    `<p>Blocked, because this task waits for ${called(blocker)}, which ${what}. It goes back to todo when that is over ` +
    `or the dependency is removed; moving it out of Blocked by hand stands.</p>`
  );
}

async function relief(deps: WorkDeps, stuck: KeptStuck): Promise<string> {
  const blockers = await Promise.all(Object.keys(stuck.for).map((id) => keptTask(deps, id)));
  const now = blockers.map((blocker) => `${called(blocker)}${blocker?.item.snapshot.word === "done" ? " (done)" : ""}`);
  return `<p>No longer blocked by ${now.join(", ")}.</p>`;
}

function called(task: Task | undefined): string {
  return task ? `<strong>${escaped(task.key)}</strong> ${escaped(task.item.snapshot.name)}` : "a deleted task";
}
