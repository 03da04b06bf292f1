import type { Deps } from "../../../shared/deps.ts";
import type { KeptProject } from "../../../shared/observe/kept.ts";
import type { Key, Ms } from "../../../shared/store/port.ts";
import { walk } from "../../../shared/store/walk.ts";
import { trail, type Why } from "../../../shared/why/trail.ts";
import { readCard } from "../../../shared/work/card.ts";
import { keptTask, type Task } from "../../../shared/work/find.ts";
import { timesOf } from "../../../shared/work/time.ts";
import { dateIn } from "./dates.ts";

export type DigestDeps = Pick<Deps, "store" | "settings">;

/** A task that was done, what it took and who did it, as far as anybody said. */
export interface Done {
  task: Task;
  agent?: string;
  ms?: Ms;
  cost?: number;
}

export interface DoneOnDay {
  tasks: Done[];
  /** That are still completed. */
  projects: KeptProject[];
}

/** The longest that yesterday's beginning can be ago (two days and a summer time's hour), and what was seen late. */
const BACK_MS: Ms = 3 * 86_400_000;

/** Tasks and projects completed on a calendar day of the settings' time zone, in order; from the trail. */
export async function doneOn(deps: DigestDeps, date: string, now: Ms): Promise<DoneOnDay> {
  const ids = new Set<string>();
  const projects = new Set<Key>();
  const onDay = (at: Ms) => dateIn(deps.settings.timezone, at) === date;
  for await (const { event, item, record, at } of since(deps, now - BACK_MS)) {
    if (event.kind === "completed" && item) ids.add(item.id);
    if (event.kind === "project_completed" && onDay(at)) projects.add(record);
  }
  const tasks: Done[] = [];
  for (const id of ids) {
    const task = await keptTask(deps, id);
    const completedAt = task?.item.snapshot.completedAt;
    if (task?.item.gone !== undefined || task?.item.snapshot.word !== "done" || !completedAt) continue;
    if (onDay(Date.parse(completedAt))) tasks.push(await tookOf(deps, task));
  }
  const kept = await deps.store.read<KeptProject>([...projects]);
  const stillDone = kept.flatMap((one) => (one?.value.completed ? [one.value] : []));
  return { tasks: tasks.sort(inOrder), projects: stillDone.reverse() };
}

async function* since(deps: DigestDeps, from: Ms): AsyncGenerator<Why> {
  for await (const { value } of walk<Why>(deps, trail)) {
    if (value.at < from) return;
    yield value;
  }
}

/** By its timers; where none ran, from the start of the work to its end as Plane saw them. */
async function tookOf(deps: DigestDeps, task: Task): Promise<Done> {
  const [card, { totals }] = await Promise.all([readCard(deps, task.id), timesOf(deps, task.id)]);
  const { startedAt, owners, snapshot } = task.item;
  const timed = Object.values(totals).reduce((sum, one) => sum + one, 0);
  const seen = startedAt && snapshot.completedAt ? Date.parse(snapshot.completedAt) - Date.parse(startedAt) : 0;
  const ms = timed > 0 ? timed : seen;
  const agent = card?.agent ?? owners?.[0];
  return {
    task,
    ...(agent !== undefined && { agent }),
    ...(ms > 0 && { ms }),
    ...(card?.cost !== undefined && { cost: card.cost }),
  };
}

function inOrder({ task: a }: Done, { task: b }: Done): number {
  return Date.parse(a.item.snapshot.completedAt ?? "") - Date.parse(b.item.snapshot.completedAt ?? "");
}
